package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// Nothing that logs anybody in is found anywhere but in the one answer that
// handed it over: not in a log line at debug level, not in the audit trail, not
// in another answer, not in the store's files, in no spelling and no half.
func TestSecretsAreNowhere(t *testing.T) {
	t.Parallel()
	t.Run("bolt", func(t *testing.T) { leakScan(t, nil, "") })
	t.Run("redis", func(t *testing.T) {
		const password = "redis-planted-Xo4ooch6quae"
		// Compressed files and a binary preamble would hide what is in them.
		server := storetest.Redis(t, "--requirepass", password, "--rdbcompression", "no", "--aof-use-rdb-preamble", "no")
		leakScan(t, server, password)
	})
}

// plant collects what must not be found, by what it is.
type plant struct {
	t       testing.TB
	d       *daemonProcess
	secrets map[string]string
	answers strings.Builder // all but those that hand a secret over
}

func (p *plant) keep(name, secret string) string {
	if len(secret) < 12 {
		p.t.Fatalf("no %s: %q", name, secret)
	}
	p.secrets[name] = secret
	return secret
}

// ask keeps the answer to be scanned.
func (p *plant) ask(method, path, body string, header ...string) answer {
	a := p.d.request(method, path, body, header...)
	fmt.Fprintln(&p.answers, a.status, a.header, a.body)
	return a
}

// json is a field of an answer that hands a secret over.
func (p *plant) json(a answer, name string) string {
	p.t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(a.body), &all); err != nil {
		p.t.Fatalf("%d %s", a.status, a.body)
	}
	text, _ := all[name].(string)
	return text
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

const asJSON = "application/json"

func leakScan(t *testing.T, server *storetest.RedisServer, redisPassword string) {
	d := newDaemon(t)
	if server != nil {
		d.env = append(d.env, "LATCHKEY_STORE=redis://:"+redisPassword+"@"+server.Addr)
	}
	p := &plant{t: t, d: d, secrets: map[string]string{}}
	if server != nil {
		p.keep("redis password", redisPassword)
	}
	d.start()
	p.everyCredential()
	p.everyMistake()
	p.overSSH()
	// Ends, a reload and a restart write more.
	d.do("token", "list", "alice")
	d.do("session", "revoke", "--user", "alice")
	d.signal(syscall.SIGHUP)
	until(t, "the reload is logged", func() bool { return strings.Contains(d.err.String(), "was reloaded") })
	if code := d.stop(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	p.scan("standard output", d.out.String())
	p.scan("log", d.err.String())
	p.scan("answers", p.answers.String())
	p.scanFolder(d.data(""))
	if server != nil {
		p.scanRedis(server)
	}
	if !strings.Contains(d.err.String(), `"level":"INFO"`) || p.answers.Len() < 1000 {
		t.Error("there is hardly anything to scan: the test tests nothing")
	}
}

// everyCredential makes and uses one of each kind.
func (p *plant) everyCredential() {
	d := p.d
	first, err := os.ReadFile(d.data("initial-admin-password"))
	if err != nil {
		p.t.Fatal(err)
	}
	admin := p.keep("first password", strings.TrimSpace(string(first)))
	p.ask("GET", "/-/api/v1/whoami", "", "Authorization", basic("admin", admin))
	admin2 := p.keep("admin's password", "planted Aech0Oongohz admin")
	a := p.ask("PUT", "/-/api/v1/me/password", fmt.Sprintf(`{"old":%q,"new":%q}`, admin, admin2),
		"Authorization", basic("admin", admin), "Content-Type", asJSON)
	if a.status != http.StatusNoContent {
		p.t.Fatalf("the password is not changed: %d %s", a.status, a.body)
	}
	if fileExists(d.data("initial-admin-password")) {
		p.t.Error("the first password is still in its file")
	}

	password := p.keep("password", "planted ieKeeNg3eip5 alice")
	d.feed(password+"\n", "user", "create", "alice", "--email", "alice@example.com", "--password-stdin")
	in := []string{"Authorization", basic("alice", password)}
	key := p.keep("API key", d.do("apikey", "create", "alice"))
	p.ask("GET", "/-/api/v1/whoami", "", "X-JFrog-Art-Api", key)
	key = p.keep("rotated API key", d.do("apikey", "rotate", "alice"))
	jwt := d.do("token", "create", "alice", "--description", "planted")
	p.keep("JWT's signature", jwt[strings.LastIndexByte(jwt, '.')+1:])
	reference := p.keep("reference token", d.do("token", "create", "alice", "--reference"))
	for _, secret := range []string{jwt, reference, key} {
		p.ask("GET", "/-/api/v1/whoami", "", "Authorization", "Bearer "+secret)
		p.ask("GET", "/-/api/v1/whoami", "", "Authorization", basic("alice", secret))
		p.ask("GET", "/lfs/team/x/locks", "", "Authorization", basic("alice", secret), "Accept", "application/vnd.git-lfs+json")
	}
	encrypted := p.keep("encrypted password", p.json(d.request("GET", "/-/api/v1/me/encrypted-password", "", in...), "encrypted_password"))
	p.ask("GET", "/-/api/v1/whoami", "", "Authorization", basic("alice", encrypted))
	session := d.request("POST", "/-/api/v1/session", fmt.Sprintf(`{"username":"alice","password":%q}`, password), "Content-Type", asJSON)
	cookie, _, _ := strings.Cut(session.header.Get("Set-Cookie"), ";")
	_, id, _ := strings.Cut(cookie, "=")
	p.keep("session", id)
	p.ask("GET", "/-/api/v1/whoami", "", "Cookie", cookie)
	p.ask("POST", "/-/api/v1/session/unlock", fmt.Sprintf(`{"password":%q}`, password), "Cookie", cookie, "Content-Type", asJSON)
	upload := d.uploadAction(key, "team/x", []byte("object"))
	grant := upload.Header["Authorization"]
	p.keep("LFS token's signature", grant[strings.LastIndexByte(grant, '.')+1:])
	p.ask("PUT", strings.TrimPrefix(upload.Href, "http://"+d.http), "object", "Authorization", grant)
}

// everyMistake shows secrets where they do not belong and as they are not.
func (p *plant) everyMistake() {
	for _, name := range []string{"password", "API key", "reference token", "encrypted password", "session", "JWT's signature"} {
		secret := p.secrets[name]
		wrong := p.keep("wrong "+name, secret[:len(secret)-2]+"x9")
		for _, s := range []string{secret, wrong} {
			quoted := url.QueryEscape(s)
			p.ask("GET", "/-/api/v1/whoami", "", "Authorization", basic(s, ""))
			p.ask("GET", "/-/api/v1/whoami", "", "Authorization", basic("alice", s+" "))
			p.ask("GET", "/-/api/v1/whoami", "", "Authorization", s)
			p.ask("GET", "/-/api/v1/whoami", "", "Authorization", "Token "+s)
			p.ask("GET", "/-/api/v1/whoami", "", "X-JFrog-Art-Api", s, "X-Api-Key", s+"0")
			p.ask("GET", "/-/api/v1/whoami?api_key="+quoted, "")
			p.ask("GET", "/lfs/team/x/info/lfs/objects?token="+quoted, "")
			p.ask("GET", "/nowhere?x="+quoted, "")
			p.ask("POST", "/-/api/v1/session", fmt.Sprintf(`{"username":%q,"password":"no such one at all"}`, s), "Content-Type", asJSON)
			p.ask("POST", "/-/api/v1/session", fmt.Sprintf(`{"username":"alice","password":%q,"more":%q}`, s, s), "Content-Type", asJSON)
			p.ask("POST", "/-/api/v1/session", fmt.Sprintf(`{"username":"nobody","password":%q`, s), "Content-Type", asJSON)
			p.ask("GET", "/-/api/v1/whoami", "", "Cookie", "latchkey="+url.QueryEscape(s))
			p.ask("GET", "/ui/login", "", "Referer", "http://"+p.d.http+"/?secret="+quoted)
		}
	}
	// In a path only what says by its form that it is a secret can be masked.
	for _, name := range []string{"API key", "reference token"} {
		p.ask("GET", "/-/api/v1/users/"+p.secrets[name], "")
		p.ask("GET", "/lfs/"+p.secrets[name]+"/x/locks", "")
	}
}

// overSSH runs words with a registered key, some with secrets in them.
func (p *plant) overSSH() {
	ssh := p.d.sshClient("alice")
	for _, word := range []string{"git-lfs-authenticate team/x upload", "jfrog-authenticate"} {
		out, err := ssh(word).Output()
		if err != nil {
			if exit, ok := err.(*exec.ExitError); ok {
				p.t.Logf("%s: %s", word, exit.Stderr)
			}
			p.t.Fatalf("%s: %v", word, err)
		}
		text := strings.TrimRight(string(out), "\n\"}")
		for field := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune("\" {}:,\n", r) }) {
			if strings.HasPrefix(field, "eyJ") {
				p.keep(word+" token's signature", field[strings.LastIndexByte(field, '.')+1:])
			}
		}
	}
	for _, name := range []string{"API key", "reference token"} {
		ssh(p.secrets[name]).Run()
		ssh("whoami " + p.secrets[name]).Run()
		ssh("git-lfs-authenticate " + p.secrets[name] + " download").Run()
		ssh("git-lfs-authenticate team/" + p.secrets[name] + "x download").Run()
		p.ask("DELETE", "/-/api/v1/sshkeys/"+p.secrets[name], "", "Authorization", basic("alice", p.secrets[name]))
		p.ask("GET", "/lfs/pre"+p.secrets[name]+"post/info/lfs/locks", "", "User-Agent", "curl "+p.secrets[name])
	}
}

// spellings are the forms in which a secret would be found.
func spellings(secret string) []string {
	all := []string{secret, url.QueryEscape(secret), hex.EncodeToString([]byte(secret))}
	for _, user := range []string{"", "alice:", "admin:"} {
		text := base64.RawStdEncoding.EncodeToString([]byte(user + secret))
		all = append(all, text[:len(text)-2]) // the end depends on what follows
	}
	if half := len(secret) / 2; half >= 10 {
		all = append(all, secret[:half], secret[half:])
	}
	return all
}

func (p *plant) scan(where, text string) {
	p.t.Helper()
	for name, secret := range p.secrets {
		for _, form := range spellings(secret) {
			if at := strings.Index(text, form); at >= 0 {
				line := text[strings.LastIndexByte(text[:at], '\n')+1:]
				line, _, _ = strings.Cut(line, "\n")
				p.t.Errorf("%s holds the %s (%q):\n%.600s", where, name, form, line)
				break
			}
		}
	}
}

func (p *plant) scanFolder(dir string) {
	p.t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil {
			files++
			p.scan(path, string(text))
		}
		return err
	})
	if err != nil || files < 4 {
		p.t.Errorf("scanned %d files: %v", files, err)
	}
}

// scanRedis makes Redis write a dump beside its log of changes, and reads both.
func (p *plant) scanRedis(server *storetest.RedisServer) {
	p.t.Helper()
	host, port := splitAddress(server.Addr)
	save := exec.Command("redis-cli", "-h", host, "-p", port, "save")
	save.Env = append(os.Environ(), "REDISCLI_AUTH="+p.secrets["redis password"])
	if out, err := save.CombinedOutput(); err != nil || !strings.Contains(string(out), "OK") {
		p.t.Fatalf("redis save: %v: %s", err, out)
	}
	files := server.Files(p.t)
	if len(files) == 0 {
		p.t.Fatal("redis has written no file")
	}
	files = append(files, filepath.Join(filepath.Dir(filepath.Dir(files[0])), "dump.rdb"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			p.t.Error(err)
		}
		p.scan(file, string(text))
	}
}
