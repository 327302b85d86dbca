package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// jfWholeNumbers are times as a token must have them.
var jfWholeNumbers = regexp.MustCompile(`"(exp|iat)":[1-9][0-9]*[,}]`)

// goodForJF fails the test for a token that the CLI could not use: of another
// user, without whole times, or with the two characters that it cannot decode.
func goodForJF(t testing.TB, token, user string) (c jfClaims) {
	t.Helper()
	c, err := readJFClaims(token)
	if err != nil {
		t.Fatalf("the CLI cannot read the token: %v", err)
	}
	payload := strings.Split(token, ".")[1]
	text, err := base64.RawStdEncoding.DecodeString(payload)
	if err != nil || strings.ContainsAny(payload, "-_") {
		t.Fatalf("payload %s: %v", payload, err)
	}
	if n := len(jfWholeNumbers.FindAll(text, -1)); n != 2 || c.Issued == 0 || c.Expires <= c.Issued {
		t.Errorf("times of %s", text)
	}
	if got := jfUserOf(c.Subject); got != user || !strings.HasPrefix(c.Subject, "jfac@") {
		t.Errorf("the CLI takes %q for %q", c.Subject, got)
	}
	return c
}

// day is what somebody does with the CLI: small files go up at once, larger
// ones after a try by checksum. Nothing is slept through and nothing renewed.
func (w *jfWorld) day(t *testing.T, j *jf, user, place string) {
	t.Helper()
	if err := j.ping(); err != nil {
		t.Fatalf("ping: %v", err)
	}
	small, large := "small "+place, strings.Repeat("large "+place, 2000)
	for name, text := range map[string]string{"small": small, "large": large} {
		path := "generic-local/" + place + "-" + name
		if err := j.upload(path, []byte(text)); err != nil {
			t.Fatalf("upload: %v", err)
		}
		if owner, kept := w.repository.file(path); owner != user || kept != text {
			t.Fatalf("the repository has %d bytes of %q", len(kept), owner)
		}
		if back, err := j.download(path); err != nil || back != text {
			t.Fatalf("download: %d bytes, %v", len(back), err)
		}
	}
	if j.artAccess != "" {
		goodForJF(t, j.artAccess, user)
	}
	if j.naps != 0 || j.renewals > 1 {
		t.Errorf("%d naps, %d pairs", j.naps, j.renewals)
	}
	if err := j.reportUsage(); err != nil {
		t.Errorf("usage report: %v", err)
	}
}

func TestJFDayByEachWayOfSigningIn(t *testing.T) {
	t.Parallel()
	w := newJFWorld(t, "")
	key := w.do("apikey", "create", "alice")
	for place, setUp := range map[string]func(t *testing.T) (*jf, error){
		"password": func(*testing.T) (*jf, error) {
			j := w.client()
			return j, j.addPassword("Alice", jfPassword) // lower-cased by the CLI
		},
		"password-basic": func(*testing.T) (*jf, error) {
			j := w.client()
			j.basicOnly = true
			return j, j.addPassword("alice", jfPassword)
		},
		"encrypted-password": func(t *testing.T) (*jf, error) {
			j := w.client()
			if err := j.addPassword("alice", jfPassword); err != nil {
				return nil, err
			}
			if j.password == jfPassword || strings.ContainsAny(j.password, " \n{}\"") {
				t.Errorf("the CLI would keep %q", j.password)
			}
			again := w.client()
			return again, again.addPassword("alice", j.password)
		},
		"clear-password": func(*testing.T) (*jf, error) { // --enc-password=false
			j := w.client()
			j.user, j.password = "alice", jfPassword
			return j, nil
		},
		"api-key": func(*testing.T) (*jf, error) {
			j := w.client()
			return j, errors.Join(j.addPassword("alice", key), same("API key", j.password, key))
		},
		"api-key-as-token": func(*testing.T) (*jf, error) {
			if !isJFKey(key) {
				return nil, errors.New("the CLI does not take it for an API key")
			}
			j := w.client()
			return j, j.addToken("alice", key)
		},
		"access-token": func(t *testing.T) (*jf, error) {
			token := w.do("token", "create", "alice")
			goodForJF(t, token, "alice")
			j := w.client()
			return j, errors.Join(j.addToken("", token), same("user", j.user, "alice"))
		},
		"reference-token": func(*testing.T) (*jf, error) {
			j := w.client()
			return j, j.addToken("", w.do("token", "create", "alice", "--reference"))
		},
		"reference-as-password": func(*testing.T) (*jf, error) {
			j := w.client()
			j.user, j.password, j.basicOnly = "alice", w.do("token", "create", "alice", "--reference"), true
			return j, nil
		},
		"token-as-password": func(*testing.T) (*jf, error) { // as "jf pip" sends one
			j := w.client()
			j.user, j.password, j.basicOnly = "alice", w.do("token", "create", "alice"), true
			return j, nil
		},
		"refreshable-token": func(t *testing.T) (*jf, error) {
			first := w.client()
			if err := first.addToken("", w.do("token", "create", "alice")); err != nil {
				return nil, err
			}
			p, err := first.createToken(map[string]any{"refreshable": true, "expires_in": 30 * 24 * 3600, "scope": "applied-permissions/user", "username": "alice"})
			if err != nil {
				return nil, err
			}
			goodForJF(t, p.Access, "alice")
			j := w.client()
			j.newThreshold = false
			j.refresh = p.Refresh
			return j, errors.Join(j.addToken("", p.Access), differ("refresh token", p.Refresh, ""))
		},
		"web-login": func(t *testing.T) (*jf, error) {
			j := w.client()
			j.newThreshold = false
			return j, w.webLogin(t, j)
		},
	} {
		t.Run(place, func(t *testing.T) {
			j, err := setUp(t)
			if err != nil {
				t.Fatal(err)
			}
			w.day(t, j, "alice", place)
		})
	}
	if len(w.repository.leaks) > 0 {
		t.Errorf("credentials reached the upstream: %q", w.repository.leaks)
	}
}

func same(what, got, want string) error {
	if got != want {
		return errors.New(what + " is not " + want)
	}
	return nil
}

func differ(what, got, other string) error {
	if got == other {
		return errors.New(what + " is the same")
	}
	return nil
}

// webLogin signs the CLI in by the browser of alice, who mistypes once.
func (w *jfWorld) webLogin(t *testing.T, j *jf) error {
	const uuid = "0f4e5a70-93c1-4d0a-b3a1-5c5f6bd1a9e7"
	page, err := j.beginWebLogin(uuid)
	if err != nil {
		return err
	}
	waits := func() {
		t.Helper()
		if done, err := j.pollWebLogin(uuid); done || err != nil {
			t.Fatalf("before anybody approved: %v, %v", done, err)
		}
	}
	waits()
	b := newJFBrowser(t)
	b.visit("GET", page, "")
	b.fill(map[string]string{"username": "alice", "password": jfPassword})
	if strings.Contains(b.page, `value="a9e7"`) || !strings.Contains(b.page, "127.0.0.1") || !strings.Contains(b.page, jfAgent) {
		t.Errorf("the page does not ask as it should:\n%s", b.page)
	}
	waits()
	b.fill(map[string]string{"code": "xxxx", "password": jfPassword})
	waits()
	b.fill(map[string]string{"code": "A9E7", "password": jfPassword})
	if done, err := j.pollWebLogin(uuid); !done || err != nil {
		t.Fatalf("after alice approved: %v, %v\n%s", done, err, b.page)
	}
	c := goodForJF(t, j.access, "alice")
	if left := time.Until(time.Unix(c.Expires, 0)); j.refresh != "" && left <= 7*24*time.Hour {
		t.Errorf("a refreshable token of %s: older releases would renew it before each request", left)
	}
	if done, err := (&jf{platform: j.platform}).pollWebLogin(uuid); done || err == nil {
		t.Errorf("asked again: %v, %v", done, err)
	}
	return nil
}

func TestJFDayOverSSH(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]func(t *testing.T) []string{
		"bolt":  func(*testing.T) []string { return nil },
		"redis": func(t *testing.T) []string { return []string{"LATCHKEY_STORE=" + storetest.Redis(t).URL} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newJFWorld(t, "", env(t)...)
			for kind, key := range map[string]ssh.Signer{"ed25519": newSigner(t), "rsa": rsaSigner(t)} {
				w.register(t, "alice", key)
				j := w.overSSH(key)
				w.day(t, j, "alice", kind)
				// Two managers a command, five commands, and one report.
				if n := j.logins.Load(); n != 11 {
					t.Errorf("%s: %d logins", kind, n)
				}
				w.goodHandover(t, key)
			}
			// An agent whose keys nobody knows, then the key of the file.
			key := newSigner(t)
			w.register(t, "alice", key)
			if err := w.overSSH(newSigner(t), newSigner(t), key).ping(); err != nil {
				t.Errorf("after the keys of an agent: %v", err)
			}
			if err := w.overSSH(newSigner(t)).ping(); err == nil {
				t.Error("a stranger's key is let in")
			}
		})
	}
}

// goodHandover looks at the answer to an SSH login for everything that was seen
// to break the CLI.
func (w *jfWorld) goodHandover(t *testing.T, key ssh.Signer) {
	t.Helper()
	out, err := jfAuthenticate(w.ssh, key) // nil only after exit status 0
	if err != nil {
		t.Fatal(err)
	}
	var exact map[string]json.RawMessage
	if err := json.Unmarshal(out, &exact); err != nil || len(exact) != 2 || exact["href"] == nil || exact["headers"] == nil {
		t.Fatalf("%v: %s", err, out)
	}
	var headers map[string]string
	if err := json.Unmarshal(exact["headers"], &headers); err != nil || len(headers) != 1 {
		t.Fatalf("%v: headers %s", err, exact["headers"])
	}
	token, ok := strings.CutPrefix(headers["Authorization"], "Bearer ")
	if want := `"http://` + w.http + `/artifactory/"`; !ok || string(exact["href"]) != want {
		t.Errorf("href %s, want %s; headers %s", exact["href"], want, exact["headers"])
	}
	if c := goodForJF(t, token, "alice"); c.Expires-c.Issued != 3600 {
		t.Errorf("the token lives %d s", c.Expires-c.Issued)
	}
}

func TestJFDayOfACIJob(t *testing.T) {
	t.Parallel()
	ci := newJFCI(t)
	w := newJFWorld(t, ci.jobs("alice"))
	j := w.client()
	p, err := j.exchange("ci", ci.token(t, "acme/app"))
	if err != nil {
		t.Fatal(err)
	}
	if c := goodForJF(t, p.Access, "alice"); p.User != "alice" || p.Refresh != "" || c.Expires-c.Issued != 20*60 {
		t.Errorf("user %q, refreshable %t, %d s", p.User, p.Refresh != "", c.Expires-c.Issued)
	}
	w.day(t, j, "alice", "job")
	other := w.client()
	if _, err := other.exchange("ci", ci.token(t, "evil/app")); jfStatus(err) != 401 || other.access != "" {
		t.Errorf("a job of another repository: %v", err)
	}
	if _, err := other.exchange("ci", p.Access); jfStatus(err) != 401 {
		t.Errorf("an access token for a job's: %v", err)
	}
}
