package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/configs"
	"github.com/latchkey-io/latchkey/internal/testidp"
)

// Settings that people copy are settings that the daemon takes.
func TestProvidersOfThePaper(t *testing.T) {
	text := ""
	for _, paper := range []string{"../../docs/sign-in.md", "../../README.md"} {
		one, err := os.ReadFile(paper)
		if err != nil {
			t.Fatal(err)
		}
		text += string(one)
	}
	t.Chdir(t.TempDir())
	blocks := regexp.MustCompile("(?ms)^```yaml\n(providers:\n.*?)^```").FindAllStringSubmatch(text, -1)
	if len(blocks) < 9 {
		t.Fatalf("%d blocks: the test tests nothing", len(blocks))
	}
	for _, block := range blocks {
		for _, file := range regexp.MustCompile(`client_secret_file: ([^\s,}]+)`).FindAllStringSubmatch(block[1], -1) {
			if err := os.WriteFile(file[1], []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile("latchkey.yaml", []byte(block[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := configs.Load(configs.LoadOptions{File: "latchkey.yaml"})
		if err != nil {
			t.Errorf("%s\n%v", block[1], err)
			continue
		}
		ways, err := strangersLogins(c)
		if err != nil || len(ways.providers) != len(c.Providers) || len(ways.providers) == 0 {
			t.Errorf("%s\n%v", block[1], err)
		}
	}
}

// signInAt goes through the provider corp, at which somebody is signed in, and
// gives the cookies of the session; "" where there is none.
func (d *daemonProcess) signInAt(op *testidp.OIDC) (session string, last answer) {
	d.t.Helper()
	start := d.request("GET", "/-/oauth/corp/start", "")
	if start.status != http.StatusSeeOther {
		return "", start
	}
	back := op.Visit(start.header.Get("Location"))
	last = d.request("GET", back.RequestURI(), "", "Cookie", cookiesOf(start))
	if last.status != http.StatusSeeOther {
		return "", last
	}
	return cookiesOf(last), last
}

// cookiesOf are the cookies that an answer sets.
func cookiesOf(a answer) string {
	var set []string
	for _, line := range a.header.Values("Set-Cookie") {
		if pair, _, _ := strings.Cut(line, ";"); !strings.HasSuffix(pair, "=") {
			set = append(set, pair)
		}
	}
	return strings.Join(set, "; ")
}

// A provider comes, changes its secret and goes while the daemon runs; doctor
// tells how it is, and one that does not answer keeps nothing else from working.
func TestProvidersAreReloaded(t *testing.T) {
	t.Parallel()
	op := testidp.NewOIDC(t)
	d := newDaemon(t)
	op.Register("http://" + d.http + "/-/oauth/corp/callback")
	p := &plant{t: t, d: d, secrets: map[string]string{"the client's first secret": op.Client.Secret}}
	file := filepath.Join(d.dir, "corp-secret")
	keep := func(mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(file, []byte(op.Client.Secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
	}
	keep(0o600)
	corp := fmt.Sprintf("providers:\n  - {name: corp, type: oidc, issuer: '%s', client_id: '%s', client_secret_file: '%s', auto_create_users: true}\n", op.URL, op.Client.ID, file)
	doctor := func(want int, says ...string) {
		t.Helper()
		out, errs, code := d.try("", "doctor", "-c", d.dir+"/latchkey.yaml")
		for _, text := range says {
			if !strings.Contains(out, text) {
				t.Errorf("doctor does not say %q:\n%s", text, out)
			}
		}
		if code != want {
			t.Errorf("doctor exits %d, want %d: %s%s", code, want, out, errs)
		}
		p.scan("what doctor says", out+errs)
	}
	signedIn := func(session string) bool {
		return d.request("GET", "/-/api/v1/whoami", "", "Cookie", session).status == http.StatusOK
	}

	d.configure("")
	d.start()
	if _, a := d.signInAt(op); a.status != http.StatusNotFound {
		t.Errorf("without a provider: %d", a.status)
	}
	d.configure(corp)
	d.reload("the configuration was reloaded")
	doctor(exitOK, "daemon: provider corp")
	first, a := d.signInAt(op)
	if !signedIn(first) {
		t.Fatalf("%d %s", a.status, a.body)
	}

	// Another secret, in a file that others can read: the old one stays.
	op.Client.Secret = "a second secret 7vQ2Lm9"
	p.secrets["the client's second secret"] = op.Client.Secret
	keep(0o644)
	d.reload("the configuration was not reloaded")
	keep(0o600)
	d.reload("the configuration was reloaded")
	second, a := d.signInAt(op)
	if !signedIn(second) || !signedIn(first) {
		t.Fatalf("%d %s", a.status, a.body)
	}

	// Gone: what was begun through it has ended when the daemon says so.
	d.configure("")
	d.reload("the configuration was reloaded")
	if signedIn(first) || signedIn(second) {
		t.Error("a session through a provider that is gone goes on")
	}
	if _, a := d.signInAt(op); a.status != http.StatusNotFound {
		t.Errorf("a provider that is gone answers %d", a.status)
	}

	// Down from the start.
	d.configure(strings.Replace(corp, op.URL, "http://127.0.0.1:1", 1))
	d.reload("the configuration was reloaded")
	doctor(exitFailed, "daemon: provider corp", "daemon: store")
	if _, a := d.signInAt(op); a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "is not possible right now") {
		t.Errorf("a provider that is down: %d %s", a.status, a.body)
	}
	if code := d.stop(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	d.configure(corp)
	doctor(exitOK, "provider corp")
	p.scan("log", d.err.String())
	p.scanFolder(d.data(""))
}
