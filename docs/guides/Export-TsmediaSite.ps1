<#
.SYNOPSIS
    Exports the data of a Configuration Manager site that media need into a site file for tsmedia.

.DESCRIPTION
    Writes a site file (JSON) with the site code, management points, ports, SSL state, trusted root key, certificates,
    boot image packages, packages, applications and the objects for unknown computers. It holds no secret and is meant to
    be committed. Manifests name it in `data` of `[[sites]]`.

    With -TaskSequence, it also asks the site for the policies of stand-alone media and writes them into -PolicyFile
    (JSON), which manifests name in `[policy]`. They can hold secrets: never commit that file.

    With -MediaCertificate, it registers at the site a certificate that tsmedia made.

    The authors of tsmedia have no site and have not run this script. Each class, property and cmdlet is marked:
      [doc]     documented by Microsoft
      [public]  used by public scripts, not documented
    Read it before you run it. It changes nothing unless -MediaCertificate is given.

.PARAMETER SiteServer
    Name of the server with the SMS Provider.

.PARAMETER Path
    The site file to write.

.PARAMETER RootCA
    Certificate file of the root authority of HTTPS management points.

.PARAMETER IssuingCA
    Certificate files of the authorities below the root.

.PARAMETER SigningCertificate
    Certificate file that the site signs policies with. No documented class returns it: export it from the store
    `SMS` of the site server (friendly name "Site Server Signing Certificate").

.PARAMETER MobileClientFile
    `mobileclient.tcf` of the site server, which holds the trusted root key.

.PARAMETER TaskSequence
    Package ID of the task sequence whose policies are exported.

.PARAMETER PolicyFile
    File for the policies. Keep it out of the repository.

.PARAMETER MediaCertificate
    Certificate file to register at the site.

.EXAMPLE
    .\Export-TsmediaSite.ps1 -SiteServer cm1.example.com -Path BER.json

.EXAMPLE
    .\Export-TsmediaSite.ps1 -SiteServer cm1.example.com -Path BER.json -TaskSequence BER00030 -PolicyFile BER00030.json
#>
#Requires -Version 5.1
[CmdletBinding(SupportsShouldProcess)]
param(
    [Parameter(Mandatory)] [string] $SiteServer,
    [string] $Path = 'site.json',
    [string] $RootCA,
    [string[]] $IssuingCA = @(),
    [string] $SigningCertificate,
    [string] $MobileClientFile,
    [string] $TaskSequence,
    [string] $PolicyFile,
    [string] $MediaCertificate
)

Set-StrictMode -Version 1
$ErrorActionPreference = 'Stop'

# SMS_ProviderLocation in root\SMS [doc] names the site whose provider this is.
$provider = Get-CimInstance -ComputerName $SiteServer -Namespace 'root\SMS' -ClassName SMS_ProviderLocation |
    Where-Object { $_.ProviderForLocalSite } | Select-Object -First 1
if (-not $provider) {
    throw "There is no SMS Provider on $SiteServer."
}
$code = $provider.SiteCode
$wmi = @{ ComputerName = $SiteServer; Namespace = "root\SMS\site_$code" }

function ConvertTo-Pem {
    param([Parameter(Mandatory)] [string] $File)
    $resolved = (Resolve-Path -LiteralPath $File).ProviderPath
    $certificate = New-Object System.Security.Cryptography.X509Certificates.X509Certificate2 $resolved
    $type = [System.Security.Cryptography.X509Certificates.X509ContentType]::Cert
    $base64 = [Convert]::ToBase64String($certificate.Export($type), 'InsertLineBreaks') -replace "`r", ''
    "-----BEGIN CERTIFICATE-----`n$base64`n-----END CERTIFICATE-----`n"
}

# Embedded properties of an item of the site control file [doc]. Numbers are in Value, text is in Value1.
function Get-SiteProperty {
    param([Parameter(Mandatory)] $Item, [Parameter(Mandatory)] [string] $Name)
    $Item.Props | Where-Object { $_.PropertyName -eq $Name } | Select-Object -First 1
}

function Write-Utf8 {
    param([Parameter(Mandatory)] [string] $File, [Parameter(Mandatory)] [string] $Text)
    $full = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($File)
    [System.IO.File]::WriteAllText($full, $Text, (New-Object System.Text.UTF8Encoding $false))
}

$site = [ordered]@{ 'site-version' = 1; 'code' = $code }

# SMS_Site.Type [doc]: 1 secondary, 2 primary, 4 central administration site.
$definition = Get-CimInstance @wmi -ClassName SMS_Site -Filter "SiteCode = '$code'"
$site['kind'] = if ($definition.Type -eq 4) { 'central' } else { 'primary' }

# SMS_SCI_Component [doc]; its properties IISPortsList, IISSSLPortsList and IISSSLState [public].
$component = Get-CimInstance @wmi -ClassName SMS_SCI_Component -Filter "SiteCode = '$code'" |
    Where-Object { $_.ComponentName -eq 'SMS_SITE_COMPONENT_MANAGER' } | Select-Object -First 1
$httpPort = 80
$httpsPort = 443
if ($component) {
    $port = Get-SiteProperty $component 'IISPortsList'
    if ($port -and $port.Value1) { $httpPort = [int] ($port.Value1 -split '[,;]')[0] }
    $port = Get-SiteProperty $component 'IISSSLPortsList'
    if ($port -and $port.Value1) { $httpsPort = [int] ($port.Value1 -split '[,;]')[0] }
    $state = Get-SiteProperty $component 'IISSSLState'
    if ($state) { $site['ssl-state'] = [int] $state.Value }
}
$site['http-port'] = $httpPort
$site['https-port'] = $httpsPort

# SMS_SCI_SysResUse [doc] with the role of a management point. Its SslState [doc]: 1 HTTPS, 3 always HTTPS.
$points = Get-CimInstance @wmi -ClassName SMS_SCI_SysResUse -Filter "SiteCode = '$code'" |
    Where-Object { $_.RoleName -eq 'SMS Management Point' } | Sort-Object NetworkOSPath
$site['management-points'] = @(
    foreach ($point in $points) {
        $server = $point.NetworkOSPath.TrimStart('\')
        if ($point.SslState -in 1, 3) {
            if ($httpsPort -eq 443) { "https://$server" } else { "https://${server}:$httpsPort" }
        } elseif ($httpPort -eq 80) {
            "http://$server"
        } else {
            "http://${server}:$httpPort"
        }
    }
)

# "Pre-provision a client with the trusted root key by using a file" [doc].
if ($MobileClientFile) {
    $line = Select-String -LiteralPath $MobileClientFile -Pattern '^\s*SMSPublicRootKey\s*=\s*([0-9A-Fa-f]+)' |
        Select-Object -First 1
    if (-not $line) { throw "$MobileClientFile has no SMSPublicRootKey." }
    $site['root-key'] = $line.Matches[0].Groups[1].Value
}
if ($SigningCertificate) { $site['signing-certificate'] = ConvertTo-Pem $SigningCertificate }
if ($RootCA) { $site['root-ca'] = ConvertTo-Pem $RootCA }
if ($IssuingCA) { $site['issuing-cas'] = @($IssuingCA | ForEach-Object { ConvertTo-Pem $_ }) }

# SMS_R_UnknownSystem [doc, as a class of Get-CMDevice]; the architecture is in its name [public].
$unknown = [ordered]@{}
$systems = Get-CimInstance @wmi -ClassName SMS_R_UnknownSystem | Where-Object { $_.Decommissioned -ne 1 }
foreach ($system in $systems) {
    if ($system.SMSAssignedSites -and $system.SMSAssignedSites -notcontains $code) { continue }
    $architecture = switch -Wildcard ($system.Name) {
        'x64*' { 'x64' }
        'x86*' { 'x86' }
        'arm64*' { 'arm64' }
    }
    if ($architecture) { $unknown[$architecture] = $system.SMSUniqueIdentifier -replace '[{}]', '' }
}
if ($unknown.Count) { $site['unknown-computers'] = $unknown }

# GetPackageDefaultHash of SMS_TaskSequencePackage [doc]. A package that was never distributed has no hash.
function Get-PackageHash {
    param([Parameter(Mandatory)] $Package)
    $arguments = @{ PackageID = $Package.PackageID; SourceVersion = [uint32] $Package.SourceVersion }
    try {
        $class = Get-CimClass @wmi -ClassName SMS_TaskSequencePackage
        $result = Invoke-CimMethod -ComputerName $SiteServer -CimClass $class -MethodName GetPackageDefaultHash -Arguments $arguments
        if ($result.Hash -match '^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$') { $result.Hash }
    } catch {
        Write-Verbose "$($Package.PackageID) has no hash: $_"
    }
}

# Adds a value unless it is empty.
function Add-Value {
    param([Parameter(Mandatory)] $To, [Parameter(Mandatory)] [string] $Name, $Value)
    if ($null -ne $Value -and "$Value" -ne '') { $To[$Name] = $Value }
}

function ConvertTo-Package {
    param([Parameter(Mandatory)] $Package, [string] $Kind, [string] $Architecture)
    $entry = [ordered]@{ 'id' = $Package.PackageID }
    Add-Value $entry 'kind' $Kind
    $entry['name'] = $Package.Name
    Add-Value $entry 'version' $Package.Version
    $entry['source-version'] = [int] $Package.SourceVersion
    Add-Value $entry 'source' $Package.PkgSourcePath
    Add-Value $entry 'architecture' $Architecture
    Add-Value $entry 'hash' (Get-PackageHash $Package)
    $entry
}

# SMS_BootImagePackage.Architecture [doc]: x86 or x64. That of images for ARM is not documented.
$architectures = @('x86', 'x64', 'arm64')
$site['boot-images'] = @(
    Get-CimInstance @wmi -ClassName SMS_BootImagePackage | Sort-Object PackageID | ForEach-Object {
        $architecture = $_.Architecture
        ConvertTo-Package -Package $_ -Architecture ($architectures | Where-Object { $_ -eq $architecture })
    }
)

# SMS_Package, SMS_DriverPackage, SMS_ImagePackage and SMS_OperatingSystemInstallPackage [doc].
$classes = [ordered]@{
    'SMS_Package'                       = 'package'
    'SMS_DriverPackage'                 = 'driver-package'
    'SMS_ImagePackage'                  = 'operating-system'
    'SMS_OperatingSystemInstallPackage' = 'upgrade-package'
}
$site['packages'] = @(
    foreach ($class in $classes.Keys) {
        Get-CimInstance @wmi -ClassName $class | Sort-Object PackageID | ForEach-Object {
            ConvertTo-Package -Package $_ -Kind $classes[$class]
        }
    }
)

# SMS_ApplicationLatest [doc]; ModelName, LocalizedDisplayName and SoftwareVersion are those of SMS_Application [doc].
$site['applications'] = @(
    Get-CimInstance @wmi -ClassName SMS_ApplicationLatest | Sort-Object ModelName | ForEach-Object {
        $entry = [ordered]@{ 'model-name' = $_.ModelName; 'name' = $_.LocalizedDisplayName }
        Add-Value $entry 'version' $_.SoftwareVersion
        Add-Value $entry 'revision' $(if ($_.SDMPackageVersion) { [int] $_.SDMPackageVersion })
        $entry
    }
)

Write-Utf8 -File $Path -Text (ConvertTo-Json -InputObject $site -Depth 8)
Write-Output "Wrote $Path."

# GetTsPoliciesSaMedia and GetClientConfigPolicies of SMS_TaskSequencePackage [doc]. Both return PolicyXmls and
# PolicyAssignmentXmls, whose entries belong together.
if ($TaskSequence) {
    if (-not $PolicyFile) { throw 'Name a file for the policies: -PolicyFile.' }
    $class = Get-CimClass @wmi -ClassName SMS_TaskSequencePackage
    $call = @{ ComputerName = $SiteServer; CimClass = $class }
    $arguments = @{
        AdvertisementID      = "${code}2FFFF"
        PackageID            = $TaskSequence
        AdvertisementName    = 'tsmedia'
        AdvertisementComment = ''
        AdvertisementFlags   = [uint32] 0
        SourceSite           = $code
    }
    $own = Invoke-CimMethod @call -MethodName GetTsPoliciesSaMedia -Arguments $arguments
    if ($own.ReturnValue -ne 0) { throw "The site gave no policies for ${TaskSequence}: $($own.ReturnValue)." }
    $client = Invoke-CimMethod @call -MethodName GetClientConfigPolicies
    if ($client.ReturnValue -ne 0) { throw "The site gave no client policies: $($client.ReturnValue)." }
    $policies = [ordered]@{
        PolicyXmls           = @($own.PolicyXmls) + @($client.PolicyXmls)
        PolicyAssignmentXmls = @($own.PolicyAssignmentXmls) + @($client.PolicyAssignmentXmls)
    }
    Write-Utf8 -File $PolicyFile -Text (ConvertTo-Json -InputObject $policies)
    Write-Output "Wrote $PolicyFile."
    Write-Warning "$PolicyFile can hold secrets: do not commit it."
}

# Import-CMCertificate [doc] runs on the drive of the site. It is not documented whether the site accepts the
# certificate as one of type Boot media: look at Administration, Security, Certificates in the console.
if ($MediaCertificate -and $PSCmdlet.ShouldProcess($code, "Register $MediaCertificate")) {
    $file = (Resolve-Path -LiteralPath $MediaCertificate).ProviderPath
    Import-Module (Join-Path (Split-Path $env:SMS_ADMIN_UI_PATH) 'ConfigurationManager.psd1')
    if (-not (Get-PSDrive -Name $code -PSProvider CMSite -ErrorAction SilentlyContinue)) {
        $null = New-PSDrive -Name $code -PSProvider CMSite -Root $SiteServer
    }
    Push-Location "${code}:"
    try {
        Import-CMCertificate -Path $file
    } finally {
        Pop-Location
    }
}
