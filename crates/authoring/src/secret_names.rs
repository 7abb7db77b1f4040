//! Recognizes names of secrets: keys of files, task sequence variables, template values.
//!
//! A guess by name alone, which decides on warnings and masking. It prefers false positives; a
//! misspelled `passwrd` counts.

/// Task sequence variables of Configuration Manager and the Microsoft Deployment Toolkit that
/// contain secrets.
const KNOWN: [&str; 21] = [
    "ADDSPassword",
    "AdminPassword",
    "BDEPin",
    "DBPwd",
    "DomainAdminPassword",
    "JoinPassword",
    "OSDBitLockerPIN",
    "OSDBitLockerRecoveryPassword",
    "OSDCaptureAccountPassword",
    "OSDJoinPassword",
    "OSDLocalAdminPassword",
    "OSDProductKey",
    "OverrideProductKey",
    "ProductKey",
    "SMSConnectNetworkFolderPassword",
    "SMSTSRunCommandLineUserPassword",
    "SMSTSRunPowerShellUserPassword",
    "SafeModeAdminPassword",
    "TPMOwnerPassword",
    "UserPassword",
    "_SMSTSMediaPFX",
];

/// Names that look like secrets but only control how one is created, or whether a weak one is
/// accepted.
const OTHERS: [&str; 8] = [
    "acceptweakpassword",
    "randomadministratorpassword",
    "osdrandomadminpassword",
    "randomadminpassword",
    "osdbitlockercreaterecoverypassword",
    "createrecoverypassword",
    "recoverykey",
    "passwordfrom",
];

/// Endings of secret names, in lower case without word separators.
const ENDS: [&str; 19] = [
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "pwds",
    "secret",
    "secrets",
    "token",
    "tokens",
    "credential",
    "credentials",
    "apikey",
    "privatekey",
    "productkey",
    "passwort",
    "kennwort",
    "secretvalue",
];

/// Last words of secret names, too short to be matched as the end of a longer word.
const LAST_WORDS: [&str; 4] = ["pass", "pw", "pin", "psk"];

/// Words before `key` that make it public.
const OPEN_KEYS: [&str; 13] = [
    "registry",
    "reg",
    "public",
    "root",
    "hot",
    "sort",
    "foreign",
    "primary",
    "run",
    "uninstall",
    "config",
    "policy",
    "cache",
];

/// Returns `true` if a value of this name is probably a secret.
pub fn is_secret_name(name: &str) -> bool {
    if KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return true;
    }
    let words = words(name);
    let Some((last, before)) = words.split_last() else { return false };
    let whole = words.concat();
    if OTHERS.contains(&whole.as_str()) {
        return false;
    }
    if matches!(last.as_str(), "key" | "keys") {
        return before.last().is_none_or(|word| !OPEN_KEYS.contains(&word.as_str()));
    }
    LAST_WORDS.contains(&last.as_str())
        || ENDS.iter().any(|end| whole.ends_with(end))
        || (last.len() >= 6 && last != "passport" && strsim::damerau_levenshtein(last, "password") <= 2)
}

/// Returns a name for the environment variable of a secret, such as `OSD_JOIN_PASSWORD`.
pub fn env_name(name: &str) -> String {
    let name = words(name).join("_").to_uppercase();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("SECRET_{name}") }
}

/// Splits a name into words in lower case: `OSDJoinPassword2` is `osd`, `join` and `password`.
/// Trailing digits are dropped.
fn words(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.trim_end_matches(|c: char| c.is_ascii_digit()).chars().collect();
    let mut words = vec![String::new()];
    for (at, c) in chars.iter().enumerate() {
        if !c.is_alphanumeric() {
            words.push(String::new());
            continue;
        }
        let is_after_lower = at > 0 && chars[at - 1].is_lowercase();
        let is_before_lower =
            at > 0 && chars[at - 1].is_uppercase() && chars.get(at + 1).is_some_and(|c| c.is_lowercase());
        if c.is_uppercase() && (is_after_lower || is_before_lower) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_others() {
        for name in [
            "password",
            "passwrd",
            "pasword",
            "Passwort",
            "OSDJoinPassword",
            "osdjoinpassword",
            "JoinPassword2",
            "DBPwd",
            "api-token",
            "ClientSecret",
            "ProductKey",
            "key",
            "pin",
            "BDEPin",
            "secret-value",
            "db.pw",
            "BIOSPassword",
            "passwords",
            "_SMSTSMediaPFX",
            "AdminPW",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "",
            "name",
            "value",
            "accept-weak-password",
            "random-administrator-password",
            "PasswordBinFileName",
            "OSDTimeZone",
            "keyboard",
            "OSDRegistryKey",
            "monkey",
            "Spin",
            "passport",
            "keyword",
            "description",
            "bypass",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn environment_variables_are_named_after_secrets() {
        assert_eq!(env_name("OSDJoinPassword"), "OSD_JOIN_PASSWORD");
        assert_eq!(env_name("api-token"), "API_TOKEN");
        assert_eq!(env_name("7zPwd"), "SECRET_7Z_PWD");
    }
}
