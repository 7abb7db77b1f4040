//! Converts keys of a manifest to variables of the medium; values from files and secrets are added
//! elsewhere.
//!
//! Names follow Microsoft's documentation or public readers of media.

use super::address::{self, Address};
use super::{DeviceAffinity, Kind, Manifest, Mode};

impl Manifest {
    /// Returns the variables set by keys, in their order on the medium.
    pub fn media_variables(&self) -> Vec<(&'static str, String)> {
        let mut told = self.option_variables();
        told.extend(self.contact_variables());
        told.extend(self.site_variables());
        told
    }

    /// Returns the variables set by `[media]` and `[boot]`.
    fn option_variables(&self) -> Vec<(&'static str, String)> {
        let media = &self.media;
        let affinity = media.device_affinity.map(|affinity| match affinity {
            DeviceAffinity::DoNotAllow => "Disabled".to_owned(),
            DeviceAffinity::AdministratorApproval => "Pending".to_owned(),
            DeviceAffinity::AutoApproval => "Auto".to_owned(),
        });
        let unknown = media.unknown_computers.as_ref();
        let all = [
            ("SMSTSLanguageFolder", media.language.map(|language| language.to_string())),
            ("SMSTSPreferredAdvertID", media.preferred_advertisement.clone()),
            ("SMSTSAssignUsersMode", affinity),
            ("_SMSTSBrandingTitle", media.branding_title.clone()),
            ("_SMSTSBootMediaPackageID", self.boot.package.clone()),
            ("_SMSTSx64UnknownMachineGUID", unknown.and_then(|unknown| unknown.x64.clone())),
            ("_SMSTSx86UnknownMachineGUID", unknown.and_then(|unknown| unknown.x86.clone())),
            ("_SMSTSarm64UnknownMachineGUID", unknown.and_then(|unknown| unknown.arm64.clone())),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Returns the variables of the site. On stand-alone media they include the site that clients
    /// are assigned to.
    fn site_variables(&self) -> Vec<(&'static str, String)> {
        let Some(site) = self.sites.first() else { return Vec::new() };
        let code = Some(site.code.clone()).filter(|_| self.media.kind == Kind::StandAlone);
        let all = [
            ("_SMSTSSiteCode", code),
            ("_SMSTSHTTPPort", site.http_port.map(|port| port.to_string())),
            ("_SMSTSHTTPSPort", site.https_port.map(|port| port.to_string())),
            ("_SMSTSIISSSLState", site.ssl_state.map(|state| state.to_string())),
            ("_SMSTSUseFirstCert", site.use_first_certificate.map(|first| u8::from(first).to_string())),
            ("_SMSTSPublicRootKey", site.root_key.clone()),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Returns the variables for contacting a management point; none for media that carry their
    /// task sequence.
    pub fn contact_variables(&self) -> Vec<(&'static str, String)> {
        let (Some(site), Some(mode)) = (self.sites.first(), self.media.mode) else { return Vec::new() };
        let asked: Vec<&String> = site.cloud_management_gateway.iter().chain(&site.management_points).collect();
        let mut addresses = asked.iter().filter_map(|text| address::parse(text).ok());
        let Some(Address { is_https, port, .. }) = addresses.next().filter(|_| !self.media.kind.carries_sequence())
        else {
            return Vec::new();
        };
        let urls: Vec<&str> = asked.iter().map(|url| url.trim_end_matches('/')).collect();
        let points = match mode {
            Mode::Dynamic => "SMSTSLocationMPs",
            Mode::SiteBased => "SMSTSMP",
        };
        let port_name = if is_https { "_SMSTSHTTPSPort" } else { "_SMSTSHTTPPort" };
        vec![(points, urls.join("*")), ("_SMSTSSiteCode", site.code.clone()), (port_name, port.to_string())]
    }
}
