package configs

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// unavailable is the fault of a part that this version does not have.
const unavailable = "is not available in this version; leave it empty"

const (
	minPasswordFloor   = 8   // shorter ones are guessed even behind a limit on guesses
	minPasswordCeiling = 256 // longer ones would refuse what people can type
	maxUnlock          = 24 * time.Hour
	maxSession         = 10 * 365 * 24 * time.Hour
)

var versionForm = regexp.MustCompile(`^[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}$`)

// validate reports everything that is wrong with the values.
func (c *Config) validate(r *report) {
	if c.DataDir == "" {
		r.at("data_dir", "names the folder that Latchkey keeps its state in; it cannot be empty")
	}
	c.validateListeners(r)
	c.validateHTTP(r)
	c.validateSSH(r)
	if text := checkStore(string(c.Store)); text != "" {
		r.at("store", "%s", text)
	}
	c.validatePeople(r)
	c.validateRoutes(r, c.validateUpstreams(r), c.validateProviders(r))
	c.validateJobs(r)
	c.validateMail(r)
	c.validateNotBuilt(r)
	if !versionForm.MatchString(c.JFrog.ReportedVersion) {
		r.at("jfrog.reported_version", "takes a version of three numbers, as 7.77.0")
	}
}

func (c *Config) validateHTTP(r *report) {
	if text := checkPublicURL(c.HTTP.PublicURL); text != "" {
		r.at("http.public_url", "%s", text)
	}
	checkPrefixes(r, "http.trusted_proxies", c.HTTP.TrustedProxies)
	cert, key := c.HTTP.TLS.CertFile, c.HTTP.TLS.KeyFile
	switch {
	case cert != "" && key == "":
		r.at("http.tls.key_file", "is needed with cert_file")
	case cert == "" && key != "":
		r.at("http.tls.cert_file", "is needed with key_file")
	case c.HTTP.TLSListen != "" && cert == "":
		r.at("http.tls.cert_file", "is needed with tls_listen, and key_file too")
	case cert != "":
		checkKeyPair(r, cert, key)
	}
}

func (c *Config) validateSSH(r *report) {
	if c.SSH.Listen != "" || c.SSH.PublicAddress != "" {
		if text := checkPublicAddress(c.SSH.PublicAddress); text != "" {
			r.at("ssh.public_address", "%s", text)
		}
	}
	for i, f := range c.SSH.HostKeyFiles {
		at := index("ssh.host_key_files", i)
		if f == "" {
			r.at(at, "is empty")
		} else if slices.Contains(c.SSH.HostKeyFiles[:i], f) {
			r.at(at, "is listed twice")
		}
	}
	checkPrefixes(r, "ssh.proxy_protocol_from", c.SSH.ProxyProtocolFrom)
}

func (c *Config) validatePeople(r *report) {
	checkWord(r, "password.encryption_policy", c.Password.EncryptionPolicy, "supported", "required", "unsupported")
	if n := c.Password.MinLength; n < minPasswordFloor || n > minPasswordCeiling {
		r.at("password.min_length", "takes a number from %d to %d", minPasswordFloor, minPasswordCeiling)
	}
	between := func(path string, d, longest time.Duration) {
		switch {
		case d == 0:
			r.at(path, "cannot be 0: there is no endless session")
		case d < time.Second || d > longest:
			r.at(path, "takes a duration from 1s to %s", durationText(longest))
		}
	}
	between("session.idle", c.Session.Idle, maxSession)
	between("session.absolute", c.Session.Absolute, maxSession)
	between("session.remember", c.Session.Remember, maxSession)
	between("profile.unlock_for", c.Profile.UnlockFor, maxUnlock)
	if c.Session.Idle > c.Session.Absolute {
		r.at("session.idle", "is longer than session.absolute")
	}
	if c.Session.Remember < c.Session.Absolute {
		r.at("session.remember", "is shorter than session.absolute")
	}
	life := func(path string, d time.Duration) {
		if d != 0 && d < time.Second || d < 0 {
			r.at(path, "takes a duration of 1s or more, or 0 for no limit")
		}
	}
	life("tokens.default_expiry", c.Tokens.DefaultExpiry)
	life("tokens.max_expiry", c.Tokens.MaxExpiry)
	if longest := c.Tokens.MaxExpiry; longest > 0 && (c.Tokens.DefaultExpiry == 0 || c.Tokens.DefaultExpiry > longest) {
		r.at("tokens.default_expiry", "is longer than tokens.max_expiry")
	}
}

// validateNotBuilt refuses what this version would silently ignore.
func (c *Config) validateNotBuilt(r *report) {
	for _, part := range []struct {
		path string
		set  bool
	}{
		{"http.tls.acme.domains", len(c.HTTP.TLS.ACME.Domains) > 0},
		{"http_sso.header", c.HTTPSSO.Header != ""},
		{"ldap", len(c.LDAP) > 0},
		{"saml", len(c.SAML) > 0},
	} {
		if part.set {
			r.at(part.path, unavailable)
		}
	}
	if c.SSH.LFSTransfer {
		r.at("ssh.lfs_transfer", "is not available in this version; leave it false")
	}
	checkWord(r, "http_sso.unlock", c.HTTPSSO.Unlock, "password", "again", "open")
	checkPrefixes(r, "http_sso.trusted_proxies", c.HTTPSSO.TrustedProxies)
}

func checkWord(r *report, path, word string, allowed ...string) {
	if !slices.Contains(allowed, word) {
		r.at(path, "takes one of %s", strings.Join(allowed, ", "))
	}
}

// checkList judges the entries of a list, each of which may be there once.
func checkList(r *report, path string, entries []string, most int, fault func(string) string) {
	if n := len(entries); n > most {
		r.at(path, "has %d entries; at most %d are accepted", n, most)
		return
	}
	for i, s := range entries {
		if text := fault(s); text != "" {
			r.at(index(path, i), "%s", text)
		} else if slices.Contains(entries[:i], s) {
			r.at(index(path, i), "is listed twice")
		}
	}
}
