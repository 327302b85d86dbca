package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/internal/testidp"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// provided is an entry of the configuration for a provider.
func provided(t *testing.T, d *daemonProcess, name string, op *testidp.OIDC, more string) string {
	t.Helper()
	op.Register("http://" + d.http + "/-/oauth/" + name + "/callback")
	file := filepath.Join(d.dir, name+"-secret")
	if err := os.WriteFile(file, []byte(op.Client.Secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("  - {name: %s, type: oidc, issuer: '%s', client_id: '%s', client_secret_file: '%s'%s}\n", name, op.URL, op.Client.ID, file, more)
}

// browser is a person's browser, as far as redirects and cookies go.
type browser struct {
	*http.Client
	home string
}

// person is the cookie that tells a provider who sits at the browser. Cookies
// know no ports, so Latchkey is sent it as well.
const person = "person"

func newBrowser(t testing.TB, d *daemonProcess, who string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{&http.Client{Jar: jar, Timeout: patience}, "http://" + d.http}
	at, err := url.Parse(b.home)
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(at, []*http.Cookie{{Name: person, Value: who, Path: "/"}})
	return b
}

// signIn goes through a provider and gives the address and status at the end.
func (b *browser) signIn(provider string) (at string, status int, err error) {
	answer, err := b.Get(b.home + "/-/oauth/" + provider + "/start?next=/ui/profile/sessions")
	if err != nil {
		return "", 0, err
	}
	answer.Body.Close()
	return answer.Request.URL.Path, answer.StatusCode, nil
}

// user is who is signed in; "" nobody.
func (b *browser) user() (string, error) {
	answer, err := b.Get(b.home + "/-/api/v1/whoami")
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", nil
	}
	var who struct {
		User string `json:"user"`
	}
	return who.User, json.NewDecoder(answer.Body).Decode(&who)
}

// whoever signs in at op whom the browser names.
func whoever(op *testidp.OIDC) {
	op.Choose(func(r *http.Request) testidp.User {
		c, err := r.Cookie(person)
		if err != nil {
			return testidp.User{Subject: "nobody"}
		}
		return testidp.User{Subject: "subject-of-" + c.Value, Login: c.Value, Email: c.Value + "@example.com", EmailVerified: true}
	})
}

// Two hundred people sign in at the same time, through two providers: each
// ends in a session of their own, and in no other.
func TestManySignInThroughProvidersAtOnce(t *testing.T) {
	t.Parallel()
	corp, lab := testidp.NewOIDC(t), testidp.NewOIDC(t)
	whoever(corp)
	whoever(lab)
	d := newDaemon(t)
	d.configure("providers:\n" + provided(t, d, "corp", corp, ", auto_create_users: true") + provided(t, d, "lab", lab, ", auto_create_users: true"))
	d.start()
	const people = 200
	var all sync.WaitGroup
	for i := range people {
		provider, name := "corp", "p"+strconv.Itoa(i)
		if i%2 == 1 {
			provider = "lab"
		}
		b := newBrowser(t, d, name)
		all.Go(func() {
			if at, status, err := b.signIn(provider); err != nil || status != http.StatusOK || at != "/ui/profile/sessions" {
				t.Errorf("%s through %s: %s, %d, %v", name, provider, at, status, err)
			} else if user, err := b.user(); err != nil || user != name {
				t.Errorf("%s is %q, %v", name, user, err)
			}
		})
	}
	all.Wait()
}

// Whoever begins to sign in and never comes back leaves nothing behind,
// neither in memory nor in the store.
func TestAbandonedSignInsLeaveNothing(t *testing.T) {
	starts := 20_000
	if text := os.Getenv("LATCHKEY_STARTS"); text != "" {
		var err error
		if starts, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	server := storetest.Redis(t)
	corp := testidp.NewOIDC(t)
	whoever(corp)
	d := newDaemon(t, "LATCHKEY_STORE="+server.URL)
	d.configure("providers:\n" + provided(t, d, "corp", corp, ", auto_create_users: true"))
	d.start()
	flood := func(n int) {
		const clients = 8
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				client := &http.Client{
					Transport:     &http.Transport{MaxIdleConnsPerHost: 1},
					CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
				}
				defer client.CloseIdleConnections()
				for range n / clients {
					answer, err := client.Get("http://" + d.http + "/-/oauth/corp/start")
					if err != nil {
						t.Error(err)
						return
					}
					answer.Body.Close()
					if answer.StatusCode != http.StatusSeeOther {
						t.Errorf("a start is answered %d", answer.StatusCode)
						return
					}
				}
			})
		}
		all.Wait()
	}
	flood(2000) // buffers and pools
	keys, memory := keysOf(t, server), d.resident()
	flood(starts)
	if now := keysOf(t, server); now > keys {
		t.Errorf("the store grew from %d to %d keys", keys, now)
	}
	grown := d.resident() - memory
	t.Logf("%d starts: memory grew by %d KiB", starts, grown)
	if grown > 32<<10 {
		t.Errorf("memory grew by %d KiB", grown)
	}
	b := newBrowser(t, d, "carol")
	if _, status, err := b.signIn("corp"); err != nil || status != http.StatusOK {
		t.Errorf("a real sign-in: %d, %v", status, err)
	}
}

// keysOf is how many keys a Redis has.
func keysOf(t *testing.T, server *storetest.RedisServer) int {
	t.Helper()
	host, port, _ := strings.Cut(server.Addr, ":")
	out, err := exec.CommandContext(t.Context(), "redis-cli", "-h", host, "-p", port, "dbsize").Output()
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(string(out), "(integer) ")))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A provider ends a session by telling another replica, and it is over
// everywhere within a second; so are all sessions through a provider that
// leaves the configuration.
func TestProviderEndsSessionsOnEveryReplica(t *testing.T) {
	t.Parallel()
	server := storetest.Redis(t)
	corp := testidp.NewOIDC(t)
	whoever(corp)
	first := newDaemon(t, "LATCHKEY_STORE="+server.URL)
	first.configure("providers:\n" + provided(t, first, "corp", corp, ", auto_create_users: true"))
	first.start()
	second := newDaemon(t, "LATCHKEY_STORE="+server.URL, "LATCHKEY_HTTP_PUBLIC_URL=http://"+first.http, "LATCHKEY_MASTER_KEY_FILE="+first.data("master.key"))
	second.configure("providers:\n" + provided(t, first, "corp", corp, ", auto_create_users: true"))
	second.start()

	enter := func(name string) *browser {
		t.Helper()
		b := newBrowser(t, first, name)
		if _, status, err := b.signIn("corp"); err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d, %v", name, status, err)
		}
		return b
	}
	signedIn := func(b *browser) bool {
		t.Helper()
		user, err := b.user()
		if err != nil {
			t.Fatal(err)
		}
		return user != ""
	}
	over := func(what string, began time.Time, b *browser) {
		t.Helper()
		until(t, what, func() bool { return !signedIn(b) })
		if took := time.Since(began); took > time.Second {
			t.Errorf("%s: it took %s", what, took)
		}
	}
	tell := func(subject, sid string) {
		t.Helper()
		a := second.request("POST", "/-/oauth/corp/logout", url.Values{"logout_token": {corp.LogoutToken(subject, sid)}}.Encode(),
			"Content-Type", "application/x-www-form-urlencoded", "Host", first.http)
		if a.status != http.StatusOK {
			t.Fatalf("the end is answered %d: %s", a.status, a.body)
		}
	}
	alice, bob, again := enter("alice"), enter("bob"), enter("alice")
	sids := corp.SIDs("subject-of-alice")
	if len(sids) == 0 {
		t.Fatal("the provider has no session of alice")
	}
	began := time.Now()
	for _, sid := range sids {
		tell("", sid)
	}
	over("alice's session ends", began, alice)
	over("alice's other session ends", began, again)
	if !signedIn(bob) {
		t.Error("bob's session ended too")
	}
	alice = enter("alice")
	began = time.Now()
	tell("subject-of-alice", "")
	over("all of alice's sessions end", began, alice)
	if !signedIn(bob) {
		t.Error("bob's session ended too")
	}
	first.configure("providers: []\n")
	first.signal(syscall.SIGHUP)
	until(t, "sessions of a provider that is gone end", func() bool { return !signedIn(bob) })
	if a := first.request("GET", "/-/oauth/corp/start", ""); a.status != http.StatusNotFound {
		t.Errorf("a provider that is gone answers %d", a.status)
	}
	if strings.Contains(first.err.String()+first.out.String()+second.err.String(), corp.Client.Secret) {
		t.Error("the client's secret is in a log")
	}
}
