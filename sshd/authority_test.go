package sshd_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/seal"
	"github.com/latchkey-io/latchkey/keystore/storetest"
	"github.com/latchkey-io/latchkey/sshd"
)

// oneRing is made once: its RSA key takes long.
var oneRing = sync.OnceValue(func() *seal.Ring {
	ring, err := seal.NewRing()
	if err != nil {
		panic(err)
	}
	return ring
})

// house is a door before a real Authority on a store in memory.
type house struct {
	*door
	*auth.Authority
	trail *lines
	admin auth.Identity
	keys  map[string]gossh.Signer
}

func startHouse(t *testing.T, change ...func(*sshd.Config)) *house {
	t.Helper()
	h := &house{trail: &lines{}, keys: map[string]gossh.Signer{}}
	var err error
	h.Authority, err = auth.New(t.Context(), auth.Config{
		Store: storetest.NewMemory(nil), Ring: oneRing(), Audit: h.trail, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Authority.Close() })
	if h.admin, err = h.Identify(t.Context(), auth.Peer{Door: "socket"}, auth.Local{}); err != nil {
		t.Fatal(err)
	}
	grant := func(ctx context.Context, who auth.Identity, path, op string) (sshd.LFSAnswer, error) {
		token, expires, err := h.Tokens.Grant(ctx, who, auth.Grant{Route: "lfs", Repo: strings.Trim(path, "/"), Op: auth.Read, Life: 15 * time.Minute})
		return sshd.LFSAnswer{Href: "http://127.0.0.1:8080/lfs/x", Token: token, Expires: expires}, err
	}
	h.door = start(t, append([]func(*sshd.Config){func(c *sshd.Config) {
		c.Auth, c.LFS = sshd.From(h.Authority), grant
	}}, change...)...)
	return h
}

// user makes an account with a registered key.
func (h *house) user(t *testing.T, name string, admin bool) {
	t.Helper()
	_, err := h.Users.Create(t.Context(), h.admin, auth.NewUser{Name: name, Email: "x@example.com", Admin: admin, Password: auth.NewSecret("correct horse battery staple")})
	if err != nil {
		t.Fatal(err)
	}
	h.keys[name] = newSigner(t)
	line := string(gossh.MarshalAuthorizedKey(h.keys[name].PublicKey()))
	if _, err := h.SSHKeys.Create(t.Context(), h.admin, auth.NewSSHKey{Owner: name, Line: line, Title: "of " + name}); err != nil {
		t.Fatal(err)
	}
}

func (h *house) login(t *testing.T, name string) (*gossh.Client, error) {
	t.Helper()
	c, err := gossh.Dial("tcp", h.addr, h.clientConfig("admin", h.keys[name]))
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

func (h *house) mustLogin(t *testing.T, name string) *gossh.Client {
	t.Helper()
	c, err := h.login(t, name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// bearer shows a token at the HTTP door.
func (h *house) bearer(token string) (auth.Identity, error) {
	return h.Identify(context.Background(), auth.Peer{Addr: netip.MustParseAddr("127.0.0.1"), Door: "http"}, auth.Bearer{Secret: auth.NewSecret(token)})
}

// jf reads jfrog-authenticate as jfrog-client-go does: one JSON object on
// stdout, the header of exactly this name, a JWT of three parts whose payload
// it decodes with the standard alphabet, an integer exp and how far it is away.
func jf(t *testing.T, stdout string) (token string, claims map[string]any) {
	t.Helper()
	var answer struct {
		Href    string
		Headers map[string]string
	}
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
		t.Fatalf("%q: %v", stdout, err)
	}
	if !strings.HasSuffix(answer.Href, "/artifactory/") || len(answer.Headers) != 1 {
		t.Errorf("answer %+v", answer)
	}
	token, isBearer := strings.CutPrefix(answer.Headers["Authorization"], "Bearer ")
	parts := strings.Split(token, ".")
	if !isBearer || len(parts) != 3 {
		t.Fatalf("authorization %q", answer.Headers["Authorization"])
	}
	payload, err := base64.RawStdEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatalf("payload %s: %v", parts[1], err)
	}
	var typed struct {
		Exp int64 `json:"exp"`
		Iat int64 `json:"iat"`
	}
	if err := json.Unmarshal(payload, &typed); err != nil {
		t.Fatalf("payload %s: %v", payload, err)
	}
	if left := time.Until(time.Unix(typed.Exp, 0)); left < 11*time.Minute || left > time.Hour || typed.Iat == 0 {
		t.Errorf("token ends in %v, made at %d", left, typed.Iat)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return token, claims
}

func TestJFrogAuthenticate(t *testing.T) {
	h := startHouse(t)
	for _, name := range []string{"alice", "al", "a+b@example.com", "a.b_c-d", strings.Repeat("x", 63), strings.Repeat("y", 64)} {
		h.user(t, name, false)
		out, errOut, code := run(t, h.mustLogin(t, name), "jfrog-authenticate")
		if code != 0 || errOut != "" {
			t.Fatalf("exit %d, %q", code, errOut)
		}
		token, claims := jf(t, out)
		if sub := fmt.Sprint(claims["sub"]); !strings.HasSuffix(sub, "/users/"+name) {
			t.Errorf("sub %s", sub)
		}
		who, err := h.bearer(token)
		if err != nil || who.User != name {
			t.Errorf("the token is of %q, %v", who.User, err)
		}
	}
}

// What was made through an SSH key ends with it, and so does the connection.
func TestDeletedKeyEndsAllOfIt(t *testing.T) {
	h := startHouse(t, func(c *sshd.Config) { c.Limits.Recheck = 100 * time.Millisecond })
	h.user(t, "alice", false)
	c := h.mustLogin(t, "alice")
	var tokens []string
	out, _, _ := run(t, c, "jfrog-authenticate")
	token, _ := jf(t, out)
	tokens = append(tokens, token)
	out, errOut, _ := run(t, c, "git-lfs-authenticate /team/assets download")
	var lfs struct{ Header map[string]string }
	if err := json.Unmarshal([]byte(out), &lfs); err != nil {
		t.Fatalf("%q, %q: %v", out, errOut, err)
	}
	tokens = append(tokens, strings.TrimPrefix(lfs.Header["Authorization"], "Bearer "))
	out, errOut, _ = run(t, c, "token create --description 'over SSH' --reference")
	tokens = append(tokens, strings.TrimSpace(out))
	for i, token := range tokens {
		if who, err := h.bearer(token); err != nil || who.User != "alice" {
			t.Fatalf("token %d (%s): %q, %v", i, errOut, who.User, err)
		}
	}
	out, errOut, code := run(t, c, "sshkey delete "+gossh.FingerprintSHA256(h.keys["alice"].PublicKey()))
	if code != 0 || out != "deleted\n" {
		t.Fatalf("exit %d, %q, %q", code, out, errOut)
	}
	for i, token := range tokens {
		if who, err := h.bearer(token); err == nil {
			t.Errorf("token %d lives on, of %q", i, who.User)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case <-ended:
	case <-time.After(closeWait):
		t.Error("the connection lives on")
	}
	if _, err := h.login(t, "alice"); err == nil {
		t.Error("logged in with a deleted key")
	}
}

func TestDisabledUserIsOut(t *testing.T) {
	h := startHouse(t, func(c *sshd.Config) { c.Limits.Recheck = 100 * time.Millisecond })
	h.user(t, "alice", false)
	c := h.mustLogin(t, "alice")
	if err := h.Users.Disable(t.Context(), h.admin, "alice"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case <-ended:
	case <-time.After(closeWait):
		t.Error("the connection lives on")
	}
	if _, err := h.login(t, "alice"); err == nil {
		t.Error("a disabled user logged in")
	}
	if err := h.Users.Enable(t.Context(), h.admin, "alice"); err != nil {
		t.Fatal(err)
	}
	if out, _, _ := run(t, h.mustLogin(t, "alice"), "whoami"); out != "alice\n" {
		t.Errorf("enabled again: %q", out)
	}
}

// Over SSH everybody, an administrator too, has but their own account.
func TestOwnAccountOnly(t *testing.T) {
	h := startHouse(t)
	h.user(t, "alice", false)
	h.user(t, "root", true)
	alice, root := h.mustLogin(t, "alice"), h.mustLogin(t, "root")
	_, errOut, code := run(t, alice, "token create")
	if code != 0 {
		t.Fatal(errOut)
	}
	out, _, _ := run(t, alice, "token list --json")
	var tokens struct{ Items []auth.Token }
	if err := json.Unmarshal([]byte(out), &tokens); err != nil || len(tokens.Items) != 1 {
		t.Fatalf("%q: %v", out, err)
	}
	out, _, _ = run(t, alice, "sshkey list --json")
	var keys struct{ Items []auth.SSHKeyInfo }
	if err := json.Unmarshal([]byte(out), &keys); err != nil || len(keys.Items) != 1 {
		t.Fatalf("%q: %v", out, err)
	}
	for _, line := range []string{
		"token revoke -- " + tokens.Items[0].ID,
		"token rotate -- " + tokens.Items[0].ID,
		"sshkey delete -- " + keys.Items[0].ID,
		"sshkey delete " + keys.Items[0].Fingerprint,
	} {
		if _, errOut, code := run(t, root, line); code != 1 || errOut == "" {
			t.Errorf("%s: exit %d, %q", line, code, errOut)
		}
	}
	if out, _, _ := run(t, root, "token list"); strings.Contains(out, tokens.Items[0].ID) {
		t.Errorf("root sees alice's: %q", out)
	}
	if out, errOut, code := run(t, alice, "token revoke "+tokens.Items[0].ID); code != 0 || out != "revoked\n" {
		t.Errorf("alice: exit %d, %q", code, errOut)
	}
}

// An SSH key is not an unlock.
func TestNothingLastingComesFromAKey(t *testing.T) {
	h := startHouse(t)
	h.user(t, "alice", false)
	c := h.mustLogin(t, "alice")
	for _, line := range []string{"apikey show", "apikey create", "apikey rotate", "sshkey create x", "user update alice", "password"} {
		if out, _, code := run(t, c, line); code == 0 || out != "" {
			t.Errorf("%s: exit %d, %q", line, code, out)
		}
	}
	if _, errOut, code := run(t, c, "apikey revoke"); code != 1 || !strings.Contains(errOut, "not found") {
		t.Errorf("apikey revoke: exit %d, %q", code, errOut)
	}
	if _, err := h.Keys.Create(t.Context(), h.admin, "alice"); err != nil {
		t.Fatal(err)
	}
	if out, errOut, code := run(t, c, "apikey revoke"); code != 0 || out != "revoked\n" {
		t.Errorf("apikey revoke: exit %d, %q", code, errOut)
	}
}

func TestRealWhoami(t *testing.T) {
	h := startHouse(t)
	h.user(t, "alice", false)
	c := h.mustLogin(t, "alice")
	for _, line := range []string{"whoami", "whoami --json", "token list", "session list", "session list --json", "sshkey list", "help"} {
		out, errOut, code := run(t, c, line)
		if code != 0 || errOut != "" || out == "" {
			t.Errorf("%s: exit %d, %q, %q", line, code, out, errOut)
		}
	}
	if !strings.Contains(h.log.String(), `"key":"`+gossh.FingerprintSHA256(h.keys["alice"].PublicKey())) {
		t.Error("the log does not name the key")
	}
}
