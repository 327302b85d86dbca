// Package configs is the configuration file: its struct, its defaults, its
// loader and its judgement.
//
// Load promises that a Config it returns is whole: every key was known, every
// value was checked, and everything that was left out has its default. It
// reports all faults of a file at once, each with its line, so that a person
// repairs a file in one go. It reads the file and what the file names for TLS;
// it opens no network connection, creates nothing, and never echoes a secret.
//
// What it will not do: guess. An unknown key, a duplicate key, an empty rule
// list, a value of the wrong kind, a part of Latchkey that this version does
// not have: each is a fault, because a setting that is silently ignored is one
// that somebody relies on.
//
// Relative paths are relative to the working directory of the daemon.
package configs

import "time"

// Config mirrors the YAML file. The zero Config is not useful: begin with
// Default or Load.
//
// The yaml tag is the key, doc is the description in the schema, enum lists
// the allowed words.
type Config struct {
	DataDir       string          `yaml:"data_dir" doc:"Folder of everything Latchkey keeps: the embedded store, keys, the local socket."`
	HTTP          HTTP            `yaml:"http" doc:"The public HTTP side."`
	Ops           Ops             `yaml:"ops" doc:"The listener for operators."`
	SSH           SSH             `yaml:"ssh" doc:"The SSH side."`
	Store         StoreURL        `yaml:"store" doc:"Where records live: bolt (a file in data_dir), or redis://, rediss://, redis+sentinel://host,host/master, redis+cluster://host,host."`
	MasterKeyFile string          `yaml:"master_key_file" doc:"File of the master key. Empty: master.key in data_dir. Made once, for an empty store only."`
	Password      Password        `yaml:"password" doc:"Passwords of local users."`
	Session       Session         `yaml:"session" doc:"Browser sessions."`
	Tokens        Tokens          `yaml:"tokens" doc:"Identity and access tokens."`
	Profile       Profile         `yaml:"profile" doc:"The profile page."`
	SMTP          SMTP            `yaml:"smtp" doc:"Outgoing mail."`
	Routes        []Route         `yaml:"routes" doc:"What Latchkey stands in front of. Without this key there is one route, lfs."`
	Upstreams     []NamedUpstream `yaml:"upstreams" doc:"Services at which users have accounts of their own, for identity.upstream_credential of routes."`
	Providers     []Provider      `yaml:"providers" doc:"Sign-in with someone else."`
	LDAP          []NotBuilt      `yaml:"ldap" doc:"Directories."`
	SAML          []NotBuilt      `yaml:"saml" doc:"SAML identity providers."`
	HTTPSSO       HTTPSSO         `yaml:"http_sso" doc:"Sign-in by a header of a trusted proxy."`
	Jobs          []JobProvider   `yaml:"jobs" doc:"Keyless CI: the tokens that a CI system signs for its jobs become short ones of ours."`
	JFrog         JFrog           `yaml:"jfrog" doc:"The JFrog dialect."`
}

// HTTP is the public HTTP side.
type HTTP struct {
	Listen         string   `yaml:"listen" doc:"host:port for plain HTTP. Empty switches it off; then tls_listen is needed."`
	TLSListen      string   `yaml:"tls_listen" doc:"host:port for HTTPS. Empty switches it off."`
	PublicURL      string   `yaml:"public_url" doc:"What people type: scheme, host and port only. Every link, redirect and cookie is made from it, never from a request's Host."`
	TLS            TLS      `yaml:"tls" doc:"The certificate for tls_listen."`
	TrustedProxies []string `yaml:"trusted_proxies" doc:"CIDRs whose X-Forwarded-* headers are believed."`
}

// TLS names the certificate of http.tls_listen.
type TLS struct {
	CertFile string `yaml:"cert_file" doc:"PEM file with the certificate, then its chain."`
	KeyFile  string `yaml:"key_file" doc:"PEM file with the private key."`
	ACME     ACME   `yaml:"acme" doc:"Certificates fetched by themselves."`
}

// ACME is not available in this version; it is accepted at its default.
type ACME struct {
	Domains []string `yaml:"domains" doc:"Not available in this version; leave it empty."`
	Email   string   `yaml:"email" doc:"Address that the certificate authority writes to."`
}

// Ops is the listener for operators: health, metrics, profiles.
type Ops struct {
	Listen string `yaml:"listen" doc:"host:port of /healthz, /readyz, /metrics and pprof. Not for the public. Empty switches it off."`
}

// SSH is the SSH side.
type SSH struct {
	Listen            string   `yaml:"listen" doc:"host:port. Empty switches SSH off."`
	PublicAddress     string   `yaml:"public_address" doc:"host:port that people connect to, as shown on pages and in links."`
	HostKeyFiles      []string `yaml:"host_key_files" doc:"Host keys. Empty: ssh_host_ed25519_key in data_dir, made once. Replicas share the files."`
	ProxyProtocolFrom []string `yaml:"proxy_protocol_from" doc:"CIDRs of load balancers whose PROXY protocol line is believed."`
	AllowDSS          bool     `yaml:"allow_dss" doc:"Accept ssh-dss keys. They are broken; only for clients that have nothing else."`
	LFSTransfer       bool     `yaml:"lfs_transfer" doc:"Not available in this version; leave it false."`
}

// Password is the policy for passwords of local users.
type Password struct {
	EncryptionPolicy string `yaml:"encryption_policy" enum:"supported,required,unsupported" doc:"Whether tools may, must or must not use the encrypted password instead of the password."`
	MinLength        int    `yaml:"min_length" doc:"Shortest new password, in characters, 8 to 256."`
}

// Session bounds browser sessions.
type Session struct {
	Idle     time.Duration `yaml:"idle" doc:"A session unused for this long ends."`
	Absolute time.Duration `yaml:"absolute" doc:"A session ends after this long, used or not."`
	Remember time.Duration `yaml:"remember" doc:"The same limit for sessions with \"remember me\"."`
}

// Tokens bounds tokens made on /access and on the pages.
type Tokens struct {
	DefaultExpiry time.Duration `yaml:"default_expiry" doc:"Life of a token whose maker names none. 0: no end."`
	MaxExpiry     time.Duration `yaml:"max_expiry" doc:"Longest life of a token. 0: no limit."`
}

// Profile is what people may do on their profile page.
type Profile struct {
	UnlockFor              time.Duration `yaml:"unlock_for" doc:"How long a page stays unlocked after the password was entered again."`
	UsersMayChangePassword bool          `yaml:"users_may_change_password" doc:"Whether local users may change their own password."`
	APIKeyCreation         bool          `yaml:"api_key_creation" doc:"Whether users may make API keys. Existing keys keep working."`
}

// SMTP is the mail server that links for forgotten passwords and new e-mail
// addresses are sent by. Without an address no mail is sent, and no such link
// is offered.
type SMTP struct {
	Address      string `yaml:"address" doc:"host:port of the mail server. Empty: no mail is sent."`
	From         string `yaml:"from" doc:"Sender of mail: an address, perhaps with a name, as Latchkey <latchkey@example.com>."`
	Username     string `yaml:"username" doc:"Account at the mail server. Empty: no sign-in there."`
	PasswordFile string `yaml:"password_file" doc:"File with the password of that account."`
	TLS          string `yaml:"tls" enum:"starttls,tls,none" doc:"How the connection is protected: starttls (port 587), tls (from the first byte, port 465), or none."`
}

// NotBuilt is an entry of a list that this version accepts only when empty.
type NotBuilt struct{}

// HTTPSSO is not available in this version; it is accepted without a header.
type HTTPSSO struct {
	Header           string   `yaml:"header" doc:"Not available in this version; leave it empty."`
	TrustedProxies   []string `yaml:"trusted_proxies" doc:"CIDRs whose header is believed."`
	SharedSecretFile string   `yaml:"shared_secret_file" doc:"File with a secret that the proxy must send too."`
	AutoCreateUsers  bool     `yaml:"auto_create_users" doc:"Make an account for a name not seen before."`
	Unlock           string   `yaml:"unlock" enum:"password,again,open" doc:"What unlocks the profile of these users."`
}

// JFrog is the dialect that JFrog's own clients speak.
type JFrog struct {
	API             bool   `yaml:"api" doc:"Answer the JFrog dialect."`
	ReportedVersion string `yaml:"reported_version" doc:"The Artifactory version that clients are told, as 7.77.0."`
}

// Default is the configuration of an empty file. It has no faults.
func Default() *Config {
	return &Config{
		DataDir: "./data",
		HTTP: HTTP{
			Listen:         "127.0.0.1:8080",
			PublicURL:      "http://127.0.0.1:8080",
			TrustedProxies: []string{},
			TLS:            TLS{ACME: ACME{Domains: []string{}}},
		},
		Ops: Ops{Listen: "127.0.0.1:8081"},
		SSH: SSH{
			Listen:            "127.0.0.1:2222",
			PublicAddress:     "127.0.0.1:2222",
			HostKeyFiles:      []string{},
			ProxyProtocolFrom: []string{},
		},
		Store:     "bolt",
		Password:  Password{EncryptionPolicy: "supported", MinLength: 15},
		Session:   Session{Idle: 12 * time.Hour, Absolute: 168 * time.Hour, Remember: 336 * time.Hour},
		Tokens:    Tokens{DefaultExpiry: 8760 * time.Hour},
		Profile:   Profile{UnlockFor: 10 * time.Minute, UsersMayChangePassword: true, APIKeyCreation: true},
		SMTP:      SMTP{TLS: "starttls"},
		Routes:    []Route{defaultLFSRoute()},
		Upstreams: []NamedUpstream{},
		Providers: []Provider{},
		LDAP:      []NotBuilt{},
		SAML:      []NotBuilt{},
		HTTPSSO:   HTTPSSO{TrustedProxies: []string{}, Unlock: "password"},
		Jobs:      []JobProvider{},
		JFrog:     JFrog{API: true, ReportedVersion: "7.77.0"},
	}
}
