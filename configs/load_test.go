package configs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/configs"
)

// load writes text to a file and loads it with env. Faults name the file "f".
func load(t testing.TB, text string, env ...string) (*configs.Config, []string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "latchkey.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := configs.Load(configs.LoadOptions{File: name, Env: env})
	if err == nil {
		return c, nil
	}
	if c != nil {
		t.Error("Load returned a Config and an error")
	}
	faults, ok := errors.AsType[configs.Faults](err)
	if !ok {
		t.Fatalf("Load's error is %T, not Faults: %v", err, err)
	}
	if len(faults) == 0 {
		t.Fatal("Load failed without a fault")
	}
	return nil, strings.Split(strings.ReplaceAll(err.Error(), name, "f"), "\n")
}

func TestEmptyFileIsTheDefault(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "~\n"} {
		c, faults := load(t, text)
		if faults != nil {
			t.Errorf("%q: %v", text, faults)
		} else if !reflect.DeepEqual(c, configs.Default()) {
			t.Errorf("%q: differs from the default", text)
		}
	}
	c, err := configs.Load(configs.LoadOptions{})
	if err != nil || !reflect.DeepEqual(c, configs.Default()) {
		t.Errorf("no file: %v, %+v", err, c)
	}
	if err := configs.Default().Validate(); err != nil {
		t.Error(err)
	}
	if w := configs.Default().Warnings(); len(w) != 0 {
		t.Errorf("the default warns: %q", w)
	}
}

// The contract's own block, without the parts that this version refuses.
const contract = `data_dir: ./data
http:
  listen: 127.0.0.1:8080
  tls_listen: ""
  public_url: http://127.0.0.1:8080      # every link, href, redirect and cookie is made from this, never from the request's Host
  tls: {cert_file: "", key_file: ""}     # or acme: {domains: [], email: ""}
  trusted_proxies: []                    # CIDRs whose X-Forwarded-* is believed; 0.0.0.0/0 is refused
ops: {listen: 127.0.0.1:8081}            # /healthz /readyz /metrics, pprof; never on the public listener
ssh:
  listen: 127.0.0.1:2222
  public_address: 127.0.0.1:2222
  host_key_files: []                     # default: data_dir/ssh_host_ed25519_key, made once, 0600; replicas share the files
  proxy_protocol_from: []
  allow_dss: false
  lfs_transfer: false                    # true: pure SSH for clients that try it; false: 127, clients use HTTP at a quarter of the CPU
store: bolt                              # = data_dir/latchkey.db; or redis://, rediss://, redis+sentinel://host,host/master, redis+cluster://host,host
master_key_file: ""                      # default: data_dir/master.key, 0600, made once, for an empty store only; keep a copy elsewhere: backups open with it alone
password: {encryption_policy: supported, min_length: 15}   # supported | required | unsupported
session: {idle: 12h, absolute: 168h, remember: 336h}
tokens: {default_expiry: 8760h, max_expiry: 0}   # for /access and pages (the legacy endpoint's default is 3600 s); 0 = no limit
profile: {unlock_for: 10m, users_may_change_password: true, api_key_creation: true}
smtp: {address: "", from: "", username: "", password_file: "", tls: starttls}
routes:
  - name: lfs
    path: /lfs/                          # and/or host: lfs.example.com
    upstream: lfs:./data/lfs             # built-in LFS store; or http://, https://, h2c://, unix:
    read: [authenticated]                # anonymous | authenticated | group:NAME | user:NAME | admin
    write: [authenticated]
  - name: grafana
    host: grafana.example.com
    upstream: http://127.0.0.1:3000
    websocket: true
    identity: {headers: true, assertion: true, basic: false, upstream_credential: ""}
providers: []
ldap: []
saml: []
http_sso: {header: "", trusted_proxies: [], shared_secret_file: "", auto_create_users: false, unlock: password}
jobs: []          # keyless CI: issuer, audience, claim rules → user or groups, scope, life
jfrog: {api: true, reported_version: "7.77.0"}
`

func TestContractLoads(t *testing.T) {
	c, faults := load(t, contract)
	if faults != nil {
		t.Fatal(strings.Join(faults, "\n"))
	}
	if len(c.Routes) != 2 {
		t.Fatalf("%d routes", len(c.Routes))
	}
	grafana := configs.Route{
		Name: "grafana", Host: "grafana.example.com", Path: "/", Upstream: "http://127.0.0.1:3000",
		Read: []string{"authenticated"}, Write: []string{"authenticated"}, WebSocket: true,
		Identity: configs.RouteIdentity{Headers: true, Assertion: true}, ExternalTokens: []string{}, Timeout: time.Minute,
	}
	if !reflect.DeepEqual(c.Routes[1], grafana) {
		t.Errorf("grafana is %+v", c.Routes[1])
	}
	c.Routes = c.Routes[:1]
	if !reflect.DeepEqual(c, configs.Default()) {
		t.Errorf("the contract's values are not the defaults:\n%+v\n%+v", c, configs.Default())
	}
}

func TestFaults(t *testing.T) {
	route := func(lines ...string) string {
		return "routes:\n- name: app\n  path: /app/\n  upstream: http://127.0.0.1:3000\n  " + strings.Join(lines, "\n  ") + "\n"
	}
	upstream := func(u string) string { return "routes:\n- {name: app, path: /app/, upstream: '" + u + "'}\n" }
	path := func(p string) string {
		return "routes:\n- {name: app, path: '" + p + "', upstream: http://127.0.0.1:3000}\n"
	}
	for _, tc := range []struct {
		name, text string
		want       []string // beginnings of the lines, in order
	}{
		{"unknown key", "http:\n  listn: 127.0.0.1:1\n", []string{"f:2: http.listn: unknown key; the nearest is listen"}},
		{"unknown top key", "sshd: {}\n", []string{"f:1: sshd: unknown key; the nearest is ssh"}},
		{"secret in the file", "smtp:\n  password: hunter2\n", []string{"f:2: smtp.password: unknown key; a secret is given by file: password_file"}},
		{"key in the wrong case", "HTTP: {}\n", []string{"f:1: HTTP: unknown key"}},
		{"empty key", "? \n: x\n", []string{"f:1: "}},
		{"key with an escape", "\"a\\eb\": 1\n", []string{`f:1: "a\x1bb": unknown key`}},
		{"list as a key", "[a]: 1\n", []string{"f:1: a key is a plain word"}},
		{"duplicate key", "store: bolt\nstore: redis://h\n", []string{"f:2: store: is given twice; the first is on line 1"}},
		{"duplicate block", "http: {}\nops: {}\nhttp: {}\n", []string{"f:3: http: is given twice"}},
		{"not YAML", "http:\n  listen: [\n", []string{"f:3: not valid YAML: "}},
		{"tab", "http:\n\tlisten: x\n", []string{"f:2: not valid YAML: "}},
		{"not a block", "just words\n", []string{"f:1: takes a block of keys"}},
		{"list at the top", "- a\n", []string{"f:1: takes a block of keys"}},
		{"two documents", "store: bolt\n---\nstore: bolt\n", []string{"f:2: a second YAML document begins here"}},
		{"alias", "http: &h\n  listen: 127.0.0.1:9\nops: *h\n", []string{"f:1: http: anchors and aliases", "f:3: ops: anchors and aliases"}},
		{"merge", "ops:\n  <<: {listen: 127.0.0.1:9}\n", []string{"f:2: ops.<<: unknown key"}},
		{"tag", "store: !!binary Ym9sdA==\n", []string{"f:1: store: YAML tags"}},
		{"no value", "store:\n", []string{"f:1: store: has no value"}},
		{"no list", "routes:\n", []string{"f:1: routes: has no value"}},
		{"block for a value", "store: {a: b}\n", []string{"f:1: store: takes one value"}},
		{"value for a block", "http: 127.0.0.1:8080\n", []string{"f:1: http: takes a block"}},
		{"value for a list", "http:\n  trusted_proxies: 10.0.0.0/8\n", []string{"f:2: http.trusted_proxies: takes a list"}},
		{"line break", "data_dir: \"a\\nb\"\n", []string{"f:1: data_dir: has a line break"}},
		{"yes", "ssh: {allow_dss: yes}\n", []string{"f:1: ssh.allow_dss: takes true or false"}},
		{"number", "password: {min_length: many}\n", []string{"f:1: password.min_length: takes a whole number"}},
		{"huge number", "password: {min_length: 99999999999999999999}\n", []string{"f:1: password.min_length: takes a whole number"}},
		{"short passwords", "password:\n  min_length: 7\n", []string{"f:2: password.min_length: takes a number from 8 to 256"}},
		{"policy", "password: {encryption_policy: maybe}\n", []string{"f:1: password.encryption_policy: takes one of supported, required, unsupported"}},
		{"no unit", "session:\n  idle: 12\n", []string{"f:2: session.idle: takes a duration with its unit"}},
		{"days", "session:\n  absolute: 7d\n", []string{"f:2: session.absolute: takes a duration with its unit"}},
		{"negative", "tokens: {max_expiry: -1h}\n", []string{"f:1: tokens.max_expiry: takes a duration that is not negative"}},
		{"endless session", "session: {idle: 0}\n", []string{"f:1: session.idle: cannot be 0"}},
		{"idle over absolute", "session: {idle: 200h}\n", []string{"f:1: session.idle: is longer than session.absolute"}},
		{"remember under absolute", "session: {remember: 1h}\n", []string{"f:1: session.remember: is shorter"}},
		{"default over max", "tokens: {max_expiry: 1h}\n", []string{"f:1: tokens.default_expiry: is longer"}},
		{"endless default under max", "tokens:\n  max_expiry: 1h\n  default_expiry: 0\n", []string{"f:3: tokens.default_expiry: is longer"}},
		{"long unlock", "profile: {unlock_for: 25h}\n", []string{"f:1: profile.unlock_for: takes a duration from 1s to 24h"}},

		{"no port", "http: {listen: 127.0.0.1}\n", []string{"f:1: http.listen: takes host:port"}},
		{"named port", "http: {listen: '127.0.0.1:http'}\n", []string{"f:1: http.listen: takes a port number"}},
		{"large port", "http: {listen: '127.0.0.1:65536'}\n", []string{"f:1: http.listen: takes a port number"}},
		{"star", "ops: {listen: '*:8081'}\n", []string{"f:1: ops.listen: does not begin with an IP address"}},
		{"no listener", "http: {listen: ''}\n", []string{"f:1: http.listen: is empty, and so is tls_listen"}},
		{"same address", "ops:\n  listen: localhost:8080\n", []string{"f:2: ops.listen: is the address of http.listen too"}},
		{"same port on all", "ops:\n  listen: :8080\n", []string{"f:2: ops.listen: is the address of http.listen too"}},
		{"ssh address", "ssh: {public_address: ':22'}\n", []string{"f:1: ssh.public_address: takes the host and port that people connect to"}},
		{"empty host key", "ssh: {host_key_files: ['']}\n", []string{"f:1: ssh.host_key_files[0]: is empty"}},
		{"host key twice", "ssh: {host_key_files: [a, a]}\n", []string{"f:1: ssh.host_key_files[1]: is listed twice"}},
		{"empty list entry", "ssh:\n  host_key_files:\n  -\n", []string{"f:3: ssh.host_key_files[0]: is an empty entry"}},

		{"url scheme", "http: {public_url: keys.example.com}\n", []string{"f:1: http.public_url: takes http:// or https://"}},
		{"url javascript", "http: {public_url: 'javascript:alert(1)'}\n", []string{"f:1: http.public_url: takes http:// or https://"}},
		{"url path", "http: {public_url: 'https://a.example/x'}\n", []string{"f:1: http.public_url: must end after the host"}},
		{"url query", "http: {public_url: 'https://a.example?x'}\n", []string{"f:1: http.public_url: must end after the host"}},
		{"url user", "http: {public_url: 'https://u:hunter2@a.example'}\n", []string{"f:1: http.public_url: must not have a user"}},
		{"url host", "http: {public_url: 'https://a_b.example'}\n", []string{"f:1: http.public_url: has a host that is not"}},
		{"url port", "http: {public_url: 'https://a.example:0'}\n", []string{"f:1: http.public_url: takes a port number"}},
		{"key without certificate", "http: {tls: {key_file: k}}\n", []string{"f:1: http.tls.cert_file: is needed with key_file"}},
		{"certificate without key", "http: {tls: {cert_file: k}}\n", []string{"f:1: http.tls.key_file: is needed with cert_file"}},
		{"tls without certificate", "http:\n  tls_listen: :8443\n", []string{"f:1: http.tls.cert_file: is needed with tls_listen"}},
		{"missing certificate", "http:\n  tls_listen: :8443\n  tls: {cert_file: /nonexistent/c, key_file: /dev/null}\n",
			[]string{"f:3: http.tls.cert_file: no such file", "f:3: http.tls.key_file: is not a regular file"}},

		{"everybody", "http:\n  trusted_proxies:\n  - 0.0.0.0/0\n  - ::/0\n  - '*'\n  - 0.0.0.0/1\n  - 128.0.0.0/1\n  - ::ffff:0:0/96\n  - ::/7\n  - ::ffff:127.0.0.1\n  - fe80::1%eth0\n  - fe80::%eth0/10\n  - 10.0.0.1/8\n  - 0.0.0.0\n  - localhost\n",
			[]string{
				"f:3: http.trusted_proxies[0]: would trust nearly everybody",
				"f:4: http.trusted_proxies[1]: would trust nearly everybody",
				"f:5: http.trusted_proxies[2]: takes a network",
				"f:6: http.trusted_proxies[3]: would trust nearly everybody",
				"f:7: http.trusted_proxies[4]: would trust nearly everybody",
				"f:8: http.trusted_proxies[5]: is IPv4 in IPv6 spelling",
				"f:9: http.trusted_proxies[6]: covers every IPv4 address",
				"f:10: http.trusted_proxies[7]: is IPv4 in IPv6 spelling",
				"f:11: http.trusted_proxies[8]: must not have a zone",
				"f:12: http.trusted_proxies[9]: must not have a zone",
				"f:13: http.trusted_proxies[10]: has bits after the prefix; write 10.0.0.0/8",
				"f:14: http.trusted_proxies[11]: is no peer's address",
				"f:15: http.trusted_proxies[12]: takes a network",
			}},
		{"everybody by PROXY protocol", "ssh: {proxy_protocol_from: [0.0.0.0/0]}\n", []string{"f:1: ssh.proxy_protocol_from[0]: would trust nearly everybody"}},

		{"store word", "store: sqlite\n", []string{"f:1: store: takes bolt, redis://"}},
		{"store scheme", "store: mysql://u:hunter2@h/db\n", []string{"f:1: store: takes bolt, redis://"}},
		{"store without host", "store: redis://:hunter2@\n", []string{"f:1: store: has a host that is not"}},
		{"store port", "store: redis://h:x\n", []string{"f:1: store: has a host that is not"}},
		{"store password with a slash", "store: redis://:hun/ter2@h:6379\n", []string{"f:1: store: has "}},
		{"sentinel without master", "store: redis+sentinel://a,b\n", []string{"f:1: store: needs the name of the master"}},
		{"two hosts", "store: rediss://a,b\n", []string{"f:1: store: takes one host"}},
		{"cluster database", "store: redis+cluster://a,b/3\n", []string{"f:1: store: takes no path"}},

		{"route without anything", "routes:\n- {}\n", []string{
			"f:2: routes[0].name: takes 1 to 63", "f:2: routes[0].path: is missing", "f:2: routes[0].upstream: is missing"}},
		{"route names", "routes:\n- {name: A, host: a.example, upstream: 'http://h'}\n- {name: a-, host: b.example, upstream: 'http://h'}\n- {name: api, host: c.example, upstream: 'http://h'}\n- {name: d, host: d.example, upstream: 'http://h'}\n- {name: d, host: e.example, upstream: 'http://h'}\n",
			[]string{"f:2: routes[0].name: takes 1 to 63", "f:3: routes[1].name: takes 1 to 63", "f:4: routes[2].name: is a word of LFS addresses", "f:6: routes[4].name: is the name of routes[3] too"}},
		{"same place", "routes:\n- {name: a, path: /x/, upstream: 'http://h'}\n- name: b\n  host: 127.0.0.1\n  path: /x/\n  upstream: http://h\n",
			[]string{"f:5: routes[1].path: is the place of routes[0] too"}},
		{"same host", "routes:\n- {name: a, host: a.example, upstream: 'http://h'}\n- {name: b, host: a.example, path: /, upstream: 'http://h'}\n",
			[]string{"f:3: routes[1].path: is the place of routes[0] too"}},
		{"route host", "routes:\n- {name: a, host: A.example, upstream: 'http://h'}\n- {name: b, host: 'b.example:80', upstream: 'http://h'}\n- {name: c, host: '*.example', upstream: 'http://h'}\n",
			[]string{"f:2: routes[0].host: takes a host name in lower case", "f:3: routes[1].host: ", "f:4: routes[2].host: "}},
		{"own path on another host", "routes:\n- {name: a, host: a.example, path: /-/x/, upstream: 'http://h'}\n", []string{"f:2: routes[0].path: lies in /-/"}},
		{"nobody reads", route("read: []"), []string{"f:5: routes[0].read: is empty: nobody could read"}},
		{"nobody writes", route("write: []"), []string{"f:5: routes[0].write: is empty: nobody could write"}},
		{"null rule list", route("write:"), []string{"f:5: routes[0].write: has no value"}},
		{"rules", route("read: [everyone, 'group:', 'group:a,b', 'user:A', 'user:', public, 'Admin', 'admin ']"), []string{
			"f:5: routes[0].read[0]: takes anonymous", "f:5: routes[0].read[1]: takes a group name", "f:5: routes[0].read[2]: takes a group name",
			"f:5: routes[0].read[3]: takes a user name", "f:5: routes[0].read[4]: takes a user name", "f:5: routes[0].read[5]: takes anonymous",
			"f:5: routes[0].read[6]: takes anonymous", "f:5: routes[0].read[7]: takes anonymous"}},
		{"timeout", route("timeout: 0"), []string{"f:5: routes[0].timeout: takes a duration from 1s to 1h"}},
		{"upstream credential", route("identity: {upstream_credential: grafana}"), []string{"f:5: routes[0].identity.upstream_credential: names none of upstreams; write it there first"}},

		{"upstream scheme", upstream("ftp://h/"), []string{"f:2: routes[0].upstream: takes lfs:DIR"}},
		{"upstream user", upstream("http://u:hunter2@h/"), []string{"f:2: routes[0].upstream: must not have a user"}},
		{"upstream query", upstream("http://h/?a=hunter2"), []string{"f:2: routes[0].upstream: must not have a query"}},
		{"upstream path", upstream("http://h/a/../b"), []string{"f:2: routes[0].upstream: has a path that is not clean"}},
		{"upstream escape", upstream("http://h/a%2fb"), []string{"f:2: routes[0].upstream: has a path that is not clean"}},
		{"upstream odd address", upstream("http://127.1:8081"), []string{"f:2: routes[0].upstream: has a host that is not"}},
		{"lfs without folder", upstream("lfs:"), []string{"f:2: routes[0].upstream: needs a folder"}},
		{"lfs among the keys", upstream("lfs:./data"), []string{"f:2: routes[0].upstream: would keep objects among"}},
		{"lfs above the keys", upstream("lfs:data/.."), []string{"f:2: routes[0].upstream: would keep objects among"}},
		{"unix without path", upstream("unix:"), []string{"f:2: routes[0].upstream: needs the path of a socket"}},
		{"unix as URL", upstream("unix:///run/a.sock"), []string{"f:2: routes[0].upstream: needs the path of a socket"}},
		{"unix prefix", upstream("unix:/run/a.sock:x"), []string{"f:2: routes[0].upstream: has a path after the socket"}},
		{"own socket", upstream("unix:data/x/../latchkey.sock"), []string{"f:2: routes[0].upstream: is the daemon's own socket"}},
		{"own http", upstream("http://localhost:8080/x"), []string{"f:2: routes[0].upstream: is the daemon's own address, http.listen"}},
		{"own ops", upstream("h2c://[::ffff:127.0.0.1]:8081"), []string{"f:2: routes[0].upstream: is the daemon's own address, ops.listen"}},
		{"own ops by zero", upstream("http://0.0.0.0:8081"), []string{"f:2: routes[0].upstream: is the daemon's own address, ops.listen"}},
		{"own ssh", upstream("http://127.0.0.1:2222"), []string{"f:2: routes[0].upstream: is the daemon's own address, ssh.listen"}},
		{"own public address", "http: {public_url: 'https://keys.example.com'}\n" + upstream("https://KEYS.example.com:443/"),
			[]string{"f:3: routes[0].upstream: is the daemon's own address, http.public_url"}},

		{"own path", path("/ui/x/"), []string{"f:2: routes[0].path: lies in /ui/, which is Latchkey's own"}},
		{"own api", path("/-/"), []string{"f:2: routes[0].path: lies in /-/"}},
		{"own dialect", path("/artifactory/api/security/"), []string{"f:2: routes[0].path: lies in /artifactory/api/security/"}},
		{"own registry tokens", path("/v2/token/x/"), []string{"f:2: routes[0].path: lies in /v2/token/"}},
		{"no first slash", path("app/"), []string{"f:2: routes[0].path: must begin and end with a slash"}},
		{"no last slash", path("/app"), []string{"f:2: routes[0].path: must begin and end with a slash"}},
		{"two slashes", path("/a//b/"), []string{"f:2: routes[0].path: must not have two slashes"}},
		{"dots", path("/a/../b/"), []string{"f:2: routes[0].path: must not have the steps"}},
		{"percent", path("/a%2f/"), []string{"f:2: routes[0].path: takes letters"}},
		{"semicolon", path("/a;b/"), []string{"f:2: routes[0].path: takes letters"}},
		{"backslash", path(`/a\b/`), []string{"f:2: routes[0].path: takes letters"}},
		{"braces", path("/{a}/"), []string{"f:2: routes[0].path: takes letters"}},
		{"long path", path("/" + strings.Repeat("a", 300) + "/"), []string{"f:2: routes[0].path: is too long"}},

		{"not built", "\nhttp:\n  tls:\n    acme: {domains: [a.example]}\nssh: {lfs_transfer: true}\nhttp_sso: {header: X-User}\nldap: [{url: x}]\nsaml: [{}]\n", []string{
			"f:4: http.tls.acme.domains: is not available in this version; leave it empty",
			"f:5: ssh.lfs_transfer: is not available in this version; leave it false",
			"f:6: http_sso.header: is not available in this version; leave it empty",
			"f:7: ldap: is not available in this version; leave it empty",
			"f:8: saml: is not available in this version; leave it empty",
		}},
		{"mail without a port", "smtp: {address: mail, from: a@b.example}\n", []string{"f:1: smtp.address: takes host:port"}},
		{"mail to port 0", "smtp: {address: 'mail:0', from: a@b.example}\n", []string{"f:1: smtp.address: takes the host and port"}},
		{"mail to no host", "smtp: {address: ':25', from: a@b.example}\n", []string{"f:1: smtp.address: takes the host and port"}},
		{"mail from nobody", "smtp:\n  address: mail:25\n", []string{"f:1: smtp.from: takes the address"}},
		{"mail from two", "smtp:\n  address: mail:25\n  from: a@b.example, c@d.example\n", []string{"f:3: smtp.from: takes the address"}},
		{"mail of two lines", "smtp:\n  address: mail:25\n  from: \"a@b.example\\r\\nBcc: c@d.example\"\n", []string{"f:3: smtp.from: has a line break"}},
		{"mail nowhere", "smtp:\n  from: a@b.example\n", []string{"f:1: smtp.address: is empty"}},
		{"mail without a password", "smtp:\n  address: mail:25\n  from: a@b.example\n  username: a\n", []string{"f:1: smtp.password_file: is needed"}},
		{"mail without a name", "smtp:\n  address: mail:25\n  from: a@b.example\n  password_file: a\n", []string{"f:1: smtp.username: is needed"}},
		{"mail in clear", "smtp:\n  address: mail:25\n  from: a@b.example\n  username: a\n  password_file: a\n  tls: none\n", []string{"f:6: smtp.tls: would show the password"}},
		{"mail without its file", "smtp:\n  address: localhost:25\n  from: a@b.example\n  username: a\n  password_file: /does/not/exist\n  tls: none\n", []string{"f:5: smtp.password_file: /does/not/exist"}},
		{"version", "jfrog: {reported_version: latest}\n", []string{"f:1: jfrog.reported_version: takes a version"}},
		{"words", "smtp: {tls: maybe}\nhttp_sso: {unlock: never}\n", []string{"f:1: smtp.tls: takes one of", "f:2: http_sso.unlock: takes one of"}},
		{"no data folder", "data_dir: ''\n", []string{"f:1: data_dir: names the folder"}},
		{"many at once", "data_dr: x\nhttp:\n  listen: nowhere\n  public_url: ftp://x\nsession: {idle: soon}\nroutes:\n- name: a\n  path: a\n  upstream: http://127.0.0.1:3000\n  read: [all]\n", []string{
			"f:1: data_dr: unknown key; the nearest is data_dir",
			"f:3: http.listen: takes host:port",
			"f:4: http.public_url: takes http",
			"f:5: session.idle: takes a duration",
			"f:8: routes[0].path: must begin",
			"f:10: routes[0].read[0]: takes anonymous",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, got := load(t, tc.text)
			ok := len(got) == len(tc.want)
			for i := range min(len(got), len(tc.want)) {
				ok = ok && strings.HasPrefix(got[i], tc.want[i])
			}
			if !ok {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(tc.want, "\n\t"))
			}
			if strings.Contains(strings.Join(got, "\n"), "hunter2") {
				t.Error("a fault repeats a password")
			}
		})
	}
}

func TestGoodValues(t *testing.T) {
	for name, text := range map[string]string{
		"free ports":       "http: {listen: 'localhost:0'}\nops: {listen: 'localhost:0'}\nssh: {listen: '[::1]:0'}\n",
		"switched off":     "ops: {listen: ''}\nssh: {listen: '', public_address: ''}\n",
		"no routes":        "routes: []\n",
		"empty blocks":     "http:\nops:\nsession: {}\n",
		"networks":         "http: {trusted_proxies: [10.0.0.0/8, 192.0.2.7, 'fc00::/7', '::1', 2001:db8::/32]}\n",
		"redis":            "store: redis://user:pa%2Fss@127.0.0.1:6379/3?dial_timeout=1s\n",
		"redis by name":    "store: rediss://my_redis\n",
		"sentinel":         "store: redis+sentinel://:pw@a:26379,b:26379,[::1]:26379/mymaster\n",
		"cluster":          "store: redis+cluster://a,b:7000\n",
		"catch-all":        "routes:\n- {name: all, path: /, upstream: 'http://127.0.0.1:3000'}\n- {name: art, path: /artifactory/, upstream: 'https://art.example/artifactory/'}\n",
		"unix":             "routes:\n- {name: a, path: /a/, upstream: 'unix:/run/a.sock'}\n- {name: b, path: /b/, upstream: 'unix:run/b.sock:/app'}\n",
		"h2c":              "routes:\n- {name: a, host: a.example, upstream: 'h2c://[::1]:9000'}\n",
		"same port apart":  "routes:\n- {name: a, host: a.example, upstream: 'http://127.0.0.2:8080'}\n",
		"same path apart":  "routes:\n- {name: a, host: a.example, upstream: 'http://h'}\n- {name: b, host: b.example, upstream: 'http://h'}\n",
		"everybody writes": "routes:\n- {name: a, path: /a/, upstream: 'http://h', read: [anonymous], write: [anonymous]}\n",
		"rules":            "routes:\n- {name: a, path: /a/, upstream: 'http://h', read: ['group:Build Team', 'user:ci@x.example', admin], write: ['user:a+b']}\n",
		"no end":           "tokens: {default_expiry: 0, max_expiry: 0s}\n",
		"json":             `{"store": "bolt", "http": {"listen": ":8080"}}`,
		"byte order mark":  "\ufeffstore: bolt\n",
		"CRLF":             "store: bolt\r\nops:\r\n  listen: ''\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, faults := load(t, text); faults != nil {
				t.Error(strings.Join(faults, "\n"))
			}
		})
	}
}

func TestPublicURLHasOneSpelling(t *testing.T) {
	for in, want := range map[string]string{
		"HTTPS://Keys.Example.com:443/": "https://keys.example.com",
		"http://[::1]:80":               "http://[::1]",
		"http://a.example:8080/":        "http://a.example:8080",
	} {
		c, faults := load(t, "http: {public_url: '"+in+"'}\n")
		if faults != nil {
			t.Errorf("%s: %v", in, faults)
		} else if c.HTTP.PublicURL != want {
			t.Errorf("%s became %s", in, c.HTTP.PublicURL)
		}
	}
}

func TestDefaultRouteFollowsDataDir(t *testing.T) {
	c, faults := load(t, "", "LATCHKEY_DATA_DIR=/srv/keys")
	if faults != nil || c.Routes[0].Upstream != "lfs:/srv/keys/lfs" || c.Socket() != "/srv/keys/latchkey.sock" ||
		c.MasterKey() != "/srv/keys/master.key" || c.HostKeys()[0] != "/srv/keys/ssh_host_ed25519_key" || c.BoltFile() != "/srv/keys/latchkey.db" {
		t.Errorf("%v %+v", faults, c)
	}
}

func TestLimits(t *testing.T) {
	var many strings.Builder
	many.WriteString("routes:\n")
	for i := range configs.MaxRoutes + 1 {
		fmt.Fprintf(&many, "- {name: r%d, path: /r%d/, upstream: 'http://127.0.0.1:3000'}\n", i, i)
	}
	_, faults := load(t, many.String())
	if len(faults) != 1 || !strings.HasPrefix(faults[0], "f:1: routes: has 10001 entries; at most 10000") {
		t.Errorf("too many routes: %q", faults)
	}
	lines := strings.SplitAfter(many.String(), "\n")
	if c, faults := load(t, strings.Join(lines[:configs.MaxRoutes+1], "")); faults != nil || len(c.Routes) != configs.MaxRoutes {
		t.Errorf("as many routes as are allowed: %q", faults)
	}
	_, faults = load(t, "# "+strings.Repeat("x", configs.MaxFileSize))
	if len(faults) != 1 || faults[0] != "f: is larger than 4 MiB" {
		t.Errorf("large file: %q", faults)
	}
	_, faults = load(t, "data_dir: "+strings.Repeat("x", 5000))
	if len(faults) != 1 || faults[0] != "f:1: data_dir: is longer than 4096 bytes" {
		t.Errorf("long value: %q", faults)
	}
	_, faults = load(t, strings.Repeat("[", 100_000))
	if len(faults) != 1 || !strings.Contains(faults[0], "not valid YAML") {
		t.Errorf("deep nesting: %.200q", faults)
	}
	_, faults = load(t, strings.Repeat("x: 1\n", 5000))
	if len(faults) != 1001 || !strings.Contains(faults[1000], "more faults") {
		t.Errorf("%d faults", len(faults))
	}
}

func TestUnreadableFile(t *testing.T) {
	for name, want := range map[string]string{
		filepath.Join(t.TempDir(), "none.yaml"): "cannot be read: no such file or directory",
		t.TempDir():                             "cannot be read: is a directory",
	} {
		_, err := configs.Load(configs.LoadOptions{File: name})
		if err == nil || err.Error() != name+": "+want {
			t.Errorf("%v", err)
		}
	}
}
