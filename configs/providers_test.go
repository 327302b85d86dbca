package configs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/configs"
)

const goodProviders = `providers:
- {name: corp, type: oidc, issuer: "https://id.example.com/realms/staff", client_id: latchkey}
- name: google
  type: google
  title: Google
  client_id: 1234.apps.googleusercontent.com
  client_secret_file: secret
  allowed_domains: [example.com]
  auto_create_users: true
  default_groups: [staff]
- name: ghe
  type: github
  base_url: https://git.example.com/
  client_id: Iv1.abc
  client_secret_file: secret
  allowed_orgs: [Acme, acme/platform]
  groups: [{claim: acme/platform, group: platform}]
  refresh: 1h
- name: uaa
  type: oauth2
  issuer: https://uaa.example.com
  client_id: latchkey
  authorize_url: https://login.example.com/oauth/authorize?tenant=1
  token_url: https://uaa.example.com/oauth/token
  userinfo_url: https://uaa.example.com/userinfo
  claims: {subject: user_id, login: user_name}
  unlock: open
- {name: ci, type: oidc, issuer: "http://127.0.0.1:9000", client_id: x, scopes: [openid], unlock: password, refresh: 0, token_audience: [latchkey]}
routes:
- {name: app, path: /app/, upstream: "http://127.0.0.1:3000", external_tokens: [ci]}
- {name: lfs, path: /lfs/, upstream: "lfs:./data/lfs", external_tokens: [ci]}
`

// inFolderWithSecret changes to a folder that holds a secret file of the right
// mode, and one that others can read.
func inFolderWithSecret(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, mode := range map[string]os.FileMode{"secret": 0o600, "open": 0o644} {
		if err := os.WriteFile(name, []byte("hunter2\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
}

func TestProviders(t *testing.T) {
	inFolderWithSecret(t)
	c, faults := load(t, goodProviders)
	if faults != nil {
		t.Fatal(strings.Join(faults, "\n"))
	}
	of := func(p configs.Provider) configs.Provider {
		d := configs.DefaultProvider()
		for i := range reflect.TypeFor[configs.Provider]().NumField() {
			if v := reflect.ValueOf(p).Field(i); !v.IsZero() {
				reflect.ValueOf(&d).Elem().Field(i).Set(v)
			}
		}
		return d
	}
	want := []configs.Provider{
		of(configs.Provider{Name: "corp", Type: "oidc", Title: "corp", Issuer: "https://id.example.com/realms/staff", ClientID: "latchkey", Unlock: "again", Refresh: 5 * time.Minute}),
		of(configs.Provider{Name: "google", Type: "google", Title: "Google", Issuer: "https://accounts.google.com", ClientID: "1234.apps.googleusercontent.com", ClientSecretFile: "secret",
			AllowedDomains: []string{"example.com"}, AutoCreateUsers: true, DefaultGroups: []string{"staff"}, Unlock: "password"}),
		of(configs.Provider{Name: "ghe", Type: "github", Title: "ghe", Issuer: "https://git.example.com", BaseURL: "https://git.example.com", ClientID: "Iv1.abc", ClientSecretFile: "secret",
			AllowedOrgs: []string{"Acme", "acme/platform"}, Groups: []configs.ProviderGroup{{Claim: "acme/platform", Group: "platform"}}, Unlock: "password", Refresh: time.Hour}),
		of(configs.Provider{Name: "uaa", Type: "oauth2", Title: "uaa", Issuer: "https://uaa.example.com", ClientID: "latchkey", AuthorizeURL: "https://login.example.com/oauth/authorize?tenant=1",
			TokenURL: "https://uaa.example.com/oauth/token", UserinfoURL: "https://uaa.example.com/userinfo", Claims: configs.ProviderClaims{Subject: "user_id", Login: "user_name"}, Unlock: "open"}),
		of(configs.Provider{Name: "ci", Type: "oidc", Title: "ci", Issuer: "http://127.0.0.1:9000", ClientID: "x", Scopes: []string{"openid"}, Unlock: "password", TokenAudience: []string{"latchkey"}}),
	}
	want[4].Refresh = 0
	for i := range want {
		if !reflect.DeepEqual(c.Providers[i], want[i]) {
			t.Errorf("%+v\nwant %+v", c.Providers[i], want[i])
		}
	}
	if w := c.Warnings(); len(w) != 0 {
		t.Errorf("%q", w)
	}
	merged, keys, err := configs.Reload(configs.Default(), c)
	if err != nil || len(keys) > 0 || !reflect.DeepEqual(merged.Providers, c.Providers) {
		t.Errorf("%v %q", err, keys)
	}
}

// All faults at once, each with its line.
func TestProviderFaultsTogether(t *testing.T) {
	inFolderWithSecret(t)
	_, faults := load(t, `providers:
- name: Corp
  type: oidc
  issuer: http://id.example.com
  client_secret_file: open
  scopes: [profile, "a b", profile]
  allowed_orgs: [acme]
  base_url: https://git.example.com
  claims:
    subject: email
  default_groups: ["a,b"]
  groups:
  - {claim: ""}
  - {claim: a, group: "x:y"}
  - {claim: b}
  - {claim: b}
  refresh: 30s
  unlock: never
  token_audience: [""]
- name: local
  type: github
  client_id: x
  unlock: again
  allowed_domains: [example.com]
- name: what
  client_secret: hunter2
- name: uaa
  type: oauth2
  client_id: x
  authorize_url: http://login.example.com
  userinfo_url: https://me:hunter2@login.example.com/
routes:
- name: app
  path: /app/
  upstream: http://127.0.0.1:3000
  external_tokens: [nobody, uaa, uaa]
`)
	want := []string{
		"f:2: providers[0].name: takes 1 to 32",
		"f:2: providers[0].client_id: is missing",
		"f:4: providers[0].issuer: must be https",
		"f:5: providers[0].client_secret_file: open: mode 0644 lets others in",
		"f:6: providers[0].scopes[1]: takes one scope",
		"f:6: providers[0].scopes[2]: is listed twice",
		"f:6: providers[0].scopes: lacks openid",
		"f:7: providers[0].allowed_orgs: is not a key of type oidc; github has it",
		"f:8: providers[0].base_url: is not a key of type oidc; github has it",
		"f:10: providers[0].claims.subject: is not a key of type oidc; oauth2 has it",
		"f:11: providers[0].default_groups[0]: takes a group name",
		"f:11: providers[0].default_groups: is for accounts that auto_create_users makes",
		"f:13: providers[0].groups[0].claim: is missing",
		"f:14: providers[0].groups[1].group: takes a group name",
		"f:16: providers[0].groups[3].claim: is the same rule",
		"f:17: providers[0].refresh: takes 0, or a duration from 1m to 24h",
		"f:18: providers[0].unlock: takes one of password, again, open",
		"f:19: providers[0].token_audience[0]: takes what the tokens have",
		"f:20: providers[1].name: is the realm",
		"f:20: providers[1].client_secret_file: is missing: github has no clients without a secret",
		"f:20: providers[1].allowed_orgs: is empty: anybody can have an account on github.com",
		"f:23: providers[1].unlock: cannot be again: type github",
		"f:24: providers[1].allowed_domains: is not a key of type github; oidc and google have it",
		"f:25: providers[2].type: is missing",
		"f:25: providers[2].issuer: is missing",
		"f:26: providers[2].client_secret: unknown key; a secret is given by file: client_secret_file",
		"f:27: providers[3].token_url: is missing",
		"f:27: providers[3].claims.subject: is missing",
		"f:27: providers[3].issuer: is missing",
		"f:30: providers[3].authorize_url: must be https",
		"f:31: providers[3].userinfo_url: must not have a user",
		"f:36: routes[0].external_tokens[0]: names none of providers",
		"f:36: routes[0].external_tokens[1]: names a provider without token_audience",
		"f:36: routes[0].external_tokens[2]: names a provider without token_audience",
	}
	for i := range max(len(faults), len(want)) {
		switch {
		case i >= len(faults):
			t.Errorf("missing: %s", want[i])
		case i >= len(want):
			t.Errorf("beyond: %s", faults[i])
		case !strings.HasPrefix(faults[i], want[i]) || strings.Contains(faults[i], "hunter2"):
			t.Errorf("got  %s\nwant %s", faults[i], want[i])
		}
	}
}

func TestProviderFaults(t *testing.T) {
	inFolderWithSecret(t)
	many := func(n int, form string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, form, i)
		}
		return "[" + b.String() + "]"
	}
	oidc := func(more string) string {
		return "providers:\n- {name: a, type: oidc, issuer: 'https://id.example.com', client_id: x, " + more + "}\n"
	}
	github := func(more string) string {
		return "providers:\n- {name: a, type: github, client_id: x, client_secret_file: secret, " + more + "}\n"
	}
	google := func(more string) string {
		return "providers:\n- {name: a, type: google, client_id: x, client_secret_file: secret, " + more + "}\n"
	}
	oauth2 := func(more string) string {
		return "providers:\n- {name: a, type: oauth2, issuer: 'https://a.example', client_id: x, authorize_url: 'https://a.example/a', token_url: 'https://a.example/t', userinfo_url: 'https://a.example/u', " + more + "}\n"
	}
	second := func(entry string) string { return oidc("") + "- {name: b, client_id: x, " + entry + "}\n" }
	for _, tc := range []struct{ name, text, want string }{
		{"names twice", oidc("") + "- {name: a, type: oidc, issuer: 'https://b.example', client_id: x}\n", "f:3: providers[1].name: is the name of another provider"},
		{"a long name", strings.Replace(oidc(""), "name: a,", "name: "+strings.Repeat("a", 33)+",", 1), "takes 1 to 32"},
		{"a name as long as may be", strings.Replace(oidc(""), "name: a,", "name: "+strings.Repeat("a", 32)+",", 1), ""},
		{"an unknown type", strings.Replace(oidc(""), "type: oidc", "type: saml", 1), "providers[0].type: takes one of oidc, google, github, oauth2"},
		{"a title that a terminal would act on", oidc("title: \"a\u202eb\""), "title: takes at most 64 bytes of plain text"},
		{"a long title", oidc("title: " + strings.Repeat("x", 65)), "title: takes at most 64"},
		{"a client_id of two lines", strings.Replace(oidc(""), "client_id: x", `client_id: "x\ny"`, 1), "client_id: has a line break"},
		{"a client_id that is no ASCII", strings.Replace(oidc(""), "client_id: x", "client_id: ключ", 1), "client_id: takes at most 256 plain"},
		{"no such secret", oidc("client_secret_file: none"), "f:2: providers[0].client_secret_file: none: no such file"},

		{"an issuer with a query", strings.Replace(oidc(""), "id.example.com", "id.example.com?x=1", 1), "issuer: must not have a query"},
		{"an issuer with a password", strings.Replace(oidc(""), "id.example.com", "me:hunter2@id.example.com", 1), "issuer: must not have a user"},
		{"an issuer that is no URL", strings.Replace(oidc(""), "https://id.example.com", "id.example.com", 1), "issuer: takes the issuer's https URL, as https://id.example.com"},
		{"nearly this machine", strings.Replace(oidc(""), "https://id.example.com", "http://localhost.example.com", 1), "issuer: must be https"},
		{"this machine", strings.Replace(oidc(""), "https://id.example.com", "http://[::1]:9000/x", 1), ""},
		{"Latchkey itself", "http: {public_url: 'https://Keys.example.com:443/', trusted_proxies: [10.0.0.1]}\n" + strings.Replace(oidc(""), "id.example.com", "keys.example.com", 1), "f:3: providers[0].issuer: is http.public_url"},
		{"behind Latchkey", "http: {public_url: 'https://keys.example.com', trusted_proxies: [10.0.0.1]}\n" + strings.Replace(oidc(""), "id.example.com", "keys.example.com/realms/a", 1), ""},
		{"every tenant", strings.Replace(oidc(""), "id.example.com", "login.microsoftonline.com/common/v2.0", 1), "issuer: takes the issuer of one tenant"},
		{"every organisation", strings.Replace(oidc(""), "id.example.com", "login.microsoftonline.com/organizations/v2.0", 1), "issuer: takes the issuer of one tenant"},
		{"one tenant", strings.Replace(oidc(""), "id.example.com", "login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0", 1), ""},

		{"an issuer twice", second("type: oidc, issuer: 'https://id.example.com', scopes: [openid]"), ""},
		{"an issuer in another spelling", second("type: oidc, issuer: 'https://ID.example.com/'"), "f:3: providers[1].issuer: is that of providers[0] in another spelling"},
		{"two realms", second("type: oidc, issuer: 'https://id.example.com/realms/A'"), ""},
		{"an issuer of another type", second("type: github, issuer: 'https://id.example.com', base_url: 'https://git.example.com', client_secret_file: secret"), "issuer: is that of providers[0] too, which finds accounts in another way"},
		{"a subject of another kind", oauth2("claims: {subject: id}") + strings.Replace(strings.TrimPrefix(oauth2("claims: {subject: login}"), "providers:\n"), "name: a", "name: b", 1), "issuer: is that of providers[0] too"},
		{"two GitHubs of one issuer", github("base_url: 'https://a.example'") + "- {name: b, type: github, client_id: x, client_secret_file: secret, base_url: 'https://b.example', issuer: 'https://a.example'}\n", "f:3: providers[1].issuer: is that of providers[0] too"},

		{"a domain with an @", oidc("allowed_domains: ['@example.com']"), "allowed_domains[0]: takes a domain in lower case"},
		{"a domain with a *", oidc("allowed_domains: ['*.example.com']"), "allowed_domains[0]: takes a domain in lower case"},
		{"a domain in capitals", google("allowed_domains: [Example.com]"), "allowed_domains[0]: takes a domain in lower case"},
		{"a top-level domain", oidc("allowed_domains: [com]"), "allowed_domains[0]: takes a domain"},
		{"a domain twice", oidc("allowed_domains: [a.example, a.example]"), "allowed_domains[1]: is listed twice"},
		{"101 domains", oidc("allowed_domains: " + many(101, "d%d.example,")), "allowed_domains: has 101 entries; at most 100"},
		{"orgs of Google", google("allowed_orgs: [acme]"), "allowed_orgs: is not a key of type google"},
		{"groups of Google", google("groups: [{claim: a}]"), "groups: is not a key of type google; oidc, github and oauth2 have it"},
		{"claims of Google", google("claims: {login: email}"), "claims.login: is not a key of type google"},
		{"claims of GitHub", github("allow_any: true, claims: {email: mail}"), "claims.email: is not a key of type github"},
		{"Google for a public client", strings.Replace(google(""), "client_secret_file: secret, ", "", 1), "client_secret_file: is missing: google"},
		{"a login of an OpenID provider", oidc("authorize_url: 'https://a.example'"), "authorize_url: is not a key of type oidc; oauth2 has it"},

		{"github.com", github(""), "allowed_orgs: is empty: anybody"},
		{"github.com with a slash", github("base_url: 'https://github.com/'"), "allowed_orgs: is empty: anybody"},
		{"github.com in another spelling", github("base_url: 'https://github.com:443'"), "base_url: must be https://github.com"},
		{"github.com's other name", github("base_url: 'https://www.github.com'"), "base_url: must be https://github.com"},
		{"github.com as DNS writes it", github("allow_any: true, base_url: 'https://github.com.'"), "base_url: has a host that is not a host name"},
		{"github.com in capitals", github("base_url: 'https://GitHub.com'"), "base_url: takes scheme, host"},
		{"GitHub's API", github("base_url: 'https://git.example.com/api/v3'"), "base_url: takes scheme, host"},
		{"GitHub in the open", github("base_url: 'http://git.example.com'"), "base_url: must be https"},
		{"everybody on github.com", github("allow_any: true"), ""},
		{"everybody and some", github("allow_any: true, allowed_orgs: [acme]"), "allow_any: and allowed_orgs say two things"},
		{"everybody elsewhere", github("allow_any: true, base_url: 'https://git.example.com'"), "allow_any: is for github.com"},
		{"everybody on GitHub Enterprise", github("base_url: 'https://git.example.com'"), ""},
		{"an org by its address", github("allowed_orgs: ['https://github.com/acme']"), "allowed_orgs[0]: takes an organisation"},
		{"an org with a *", github("allowed_orgs: ['*']"), "allowed_orgs[0]: takes an organisation"},
		{"a team of a team", github("allowed_orgs: [a/b/c]"), "allowed_orgs[0]: takes an organisation"},
		{"a team that is a step", github("allowed_orgs: [acme/..]"), "allowed_orgs[0]: takes an organisation"},
		{"GitHub without read:org", github("allowed_orgs: [acme], scopes: ['read:user']"), "scopes: lacks read:org"},
		{"GitHub with more", github("allowed_orgs: [acme], scopes: ['read:user', 'admin:org']"), ""},
		{"GitHub without organisations", github("allow_any: true, scopes: ['read:user']"), ""},
		{"a part of github.com", github("base_url: 'https://gist.github.com'"), "base_url: must be https://github.com"},
		{"JWTs of GitHub", github("allow_any: true, token_audience: [y]"), "token_audience: is not a key of type github; oidc and google have it"},

		{"an address with a fragment", strings.Replace(oauth2("claims: {subject: id}"), "https://a.example/t", "https://a.example/#t", 1), "token_url: must not have a fragment"},
		{"no subject", oauth2(""), "claims.subject: is missing"},
		{"unlock by Google", google("unlock: again"), "unlock: cannot be again: type google"},
		{"unlock by OAuth 2", oauth2("claims: {subject: id}, unlock: again"), "unlock: cannot be again: type oauth2"},
		{"the audience of sign-in", oidc("token_audience: [x]"), "token_audience[0]: is client_id"},
		{"a day", oidc("refresh: 24h"), ""},
		{"more than a day", oidc("refresh: 25h"), "refresh: takes 0"},
		{"100 rules", oidc("groups: " + many(100, "{claim: a%d},")), ""},
		{"101 rules", oidc("groups: " + many(101, "{claim: a%d},")), "groups: has 101 entries; at most 100"},
		{"a rule without a group that could be", oidc("groups: [{claim: 'acme/*'}]"), "groups[0].group: is missing: a group here has no /"},
		{"a rule with one", oidc("groups: [{claim: 'acme/*', group: acme}, {claim: 'eng-*'}]"), ""},
		{"a long rule", oidc("groups: [{claim: " + strings.Repeat("x", 257) + "}]"), "groups[0].claim: is longer than 256"},
		{"a group with a comma", oidc("groups: [{claim: a, group: 'b,c'}]"), "groups[0].group: takes a group name"},
		{"a claim that a terminal would act on", oidc("claims: {groups: \"\u202ea\"}"), "claims.groups: takes the name of a claim"},
		{"50 providers", "providers: " + many(50, "{name: p%d, type: oidc, issuer: 'https://id.example.com', client_id: x},"), ""},
		{"51 providers", "providers: " + many(51, "{name: p%d, type: oidc, issuer: 'https://id.example.com', client_id: x},"), "f:1: providers: has 51 entries; at most 50"},
	} {
		_, faults := load(t, tc.text)
		if got := strings.Join(faults, "\n"); tc.want == "" && faults != nil || tc.want != "" && (len(faults) != 1 || !strings.Contains(got, tc.want)) || strings.Contains(got, "hunter2") {
			t.Errorf("%s: %s", tc.name, got)
		}
	}
}

// What is wrong with the secret's file is said without what is in it.
func TestProviderSecretIsNeverEchoed(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("wide", []byte("hunter2"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("folder", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"wide": "chmod 600", "folder": "is not a regular file", filepath.Join("none", "x"): "no such file"} {
		_, faults := load(t, "providers: [{name: a, type: oidc, issuer: 'https://id.example.com', client_id: x, client_secret_file: "+name+"}]\n")
		if len(faults) != 1 || !strings.Contains(faults[0], want) || strings.Contains(faults[0], "hunter2") {
			t.Errorf("%s: %q", name, faults)
		}
	}
}

func TestProviderWarnings(t *testing.T) {
	inFolderWithSecret(t)
	for entry, warned := range map[string]bool{
		"type: google, client_secret_file: secret, auto_create_users: true":                                                          true,
		"type: google, client_secret_file: secret":                                                                                   false,
		"type: google, client_secret_file: secret, auto_create_users: true, allowed_domains: [example.com]":                          false,
		"type: oidc, issuer: 'https://accounts.google.com', auto_create_users: true":                                                 true,
		"type: oidc, issuer: 'https://gitlab.com', auto_create_users: true":                                                          true,
		"type: oidc, issuer: 'https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0', auto_create_users: true": true,
		"type: oidc, issuer: 'https://id.example.com', auto_create_users: true":                                                      false,
		"type: github, client_secret_file: secret, allow_any: true, auto_create_users: true":                                         true,
		"type: github, client_secret_file: secret, allow_any: true":                                                                  false,
		"type: github, client_secret_file: secret, allowed_orgs: [acme], auto_create_users: true":                                    false,
		"type: github, base_url: 'https://git.example.com', client_secret_file: secret, auto_create_users: true":                     false,
	} {
		c, faults := load(t, "providers: [{name: corp, client_id: x, "+entry+"}]\n")
		if faults != nil {
			t.Errorf("%s: %q", entry, faults)
			continue
		}
		w := c.Warnings()
		if warned != (len(w) == 1 && strings.HasPrefix(w[0], "providers corp: auto_create_users makes an account for anybody in the world")) || !warned && len(w) > 0 {
			t.Errorf("%s: %q", entry, w)
		}
	}
}
