package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
)

const forgotPath = "/-/api/v1/forgot"

// Whoever asks gets one answer, and a letter goes to the account's address.
func TestForgotByAPI(t *testing.T) {
	h := newHouse(t, houseConfig{})
	if a := h.do("POST", forgotPath, `{"username":"alice"}`); a.status != http.StatusConflict {
		t.Errorf("where no mail is sent: %d %s", a.status, a.body)
	}
	letters := h.takeLetters()
	var first answer
	for i, name := range []string{"alice", "nobody", "", "admin", "no name at all"} {
		a := h.do("POST", forgotPath, map[string]string{"username": name})
		switch {
		case name == "":
			if a.status != http.StatusBadRequest {
				t.Errorf("nobody at all: %d", a.status)
			}
			continue
		case i == 0:
			first = a
		}
		a.header.Del("Date")
		a.header.Del("X-Request-Id")
		first.header.Del("Date")
		first.header.Del("X-Request-Id")
		if a.status != http.StatusAccepted || a.body != "" || fmt.Sprint(a.header) != fmt.Sprint(first.header) {
			t.Errorf("%s: %d %q %v", name, a.status, a.body, a.header)
		}
	}
	l := letters.letter(t, auth.LetterReset)
	if l.To != "alice@example.com" {
		t.Errorf("to %s", l.To)
	}
	key := l.Key.Reveal()
	h.secret.texts = append(h.secret.texts, key)
	for what, shown := range map[string]with{
		"bearer": bearer(key), "basic": basic("alice", key), "basic without a name": basic("", key),
		"cookie": func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "latchkey", Value: key}) },
	} {
		if a := h.do("GET", "/-/api/v1/whoami", nil, shown); a.status != http.StatusUnauthorized {
			t.Errorf("the key as %s: %d", what, a.status)
		}
	}
	for _, name := range []string{"X-JFrog-Art-Api", "X-Api-Key"} {
		if a := h.do("GET", "/-/api/v1/whoami", nil, header(name, key)); a.status != http.StatusForbidden {
			t.Errorf("the key in %s: %d", name, a.status)
		}
	}
	for body, want := range map[string]int{`{"username":"alice","x":1}`: 400, `{}`: 400, `[]`: 400, `{"username":null}`: 400} {
		if a := h.do("POST", forgotPath, body); a.status != want {
			t.Errorf("%s: %d", body, a.status)
		}
	}
	if a := h.do("POST", forgotPath, `{"username":"alice"}`, header("Content-Type", "text/plain")); a.status != http.StatusUnsupportedMediaType {
		t.Errorf("a form of another site: %d", a.status)
	}
	status := 0
	for range 10 {
		status = h.do("POST", forgotPath, `{"username":"nobody"}`).status
	}
	if status != http.StatusTooManyRequests {
		t.Errorf("too many: %d", status)
	}
}

func TestResetLinkByAPI(t *testing.T) {
	h := newHouse(t, houseConfig{})
	admin, alice := basic("admin", h.adminPassword), basic("alice", alicePassword)
	for path, want := range map[string]int{"/users/alice/reset-link": 403, "/me/reset-link": 403, "/users/nobody/reset-link": 403} {
		if a := h.do("POST", "/-/api/v1"+path, nil, alice); a.status != want {
			t.Errorf("%s by alice: %d", path, a.status)
		}
	}
	if a := h.do("POST", "/-/api/v1/users/nobody/reset-link", nil, admin); a.status != http.StatusNotFound {
		t.Errorf("of nobody: %d", a.status)
	}
	if a := h.do("POST", "/-/api/v1/users/alice/reset-link", nil); a.status != http.StatusUnauthorized {
		t.Errorf("by nobody: %d", a.status)
	}
	// The link is made from the public URL, whatever the request says.
	a := h.do("POST", "/-/api/v1/users/alice/reset-link", nil, admin,
		header("X-Forwarded-Host", "evil.example"), header("X-Forwarded-Proto", "javascript"), header("X-Forwarded-Prefix", "/evil"),
		header("Forwarded", "host=evil.example;proto=http"), header("X-Original-URL", "https://evil.example/"), header("X-Forwarded-Server", "evil.example"))
	link := a.is(http.StatusCreated).field("url")
	if a.field("user") != "alice" || !strings.HasPrefix(link, h.origin+"/ui/reset?key=") || !strings.HasSuffix(link, "&user=alice") || a.field("expires") == "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	key := strings.TrimSuffix(strings.TrimPrefix(link, h.origin+"/ui/reset?key="), "&user=alice")
	h.secret.texts = append(h.secret.texts, key)
	if err := h.auth.Passwords.Reset(t.Context(), auth.Peer{}, "alice", auth.NewSecret(key), auth.NewSecret("another long and quite new one"), true); err != nil {
		t.Error(err)
	}
}

func TestEmailByAPI(t *testing.T) {
	h := newHouse(t, houseConfig{})
	alice := basic("alice", alicePassword)
	if a := h.do("PUT", "/-/api/v1/me/email", `{"email":"one@example.com"}`, alice); a.status != http.StatusOK || strings.TrimSpace(a.body) != `{"pending":false}` {
		t.Errorf("without mail: %d %s", a.status, a.body)
	}
	letters := h.takeLetters()
	if a := h.do("PUT", "/-/api/v1/users/alice/email", `{"email":"two@example.com"}`, alice); a.status != http.StatusOK || strings.TrimSpace(a.body) != `{"pending":true}` {
		t.Errorf("with mail: %d %s", a.status, a.body)
	}
	if l := letters.letter(t, auth.LetterEmailConfirm); l.To != "two@example.com" {
		t.Errorf("to %s", l.To)
	}
	if a := h.do("PUT", "/-/api/v1/users/alice/email", `{"email":"four@example.com"}`, basic("eve", evePassword)); a.status != http.StatusForbidden {
		t.Errorf("by somebody else: %d %s", a.status, a.body)
	}
	if a := h.do("PUT", "/-/api/v1/me/email", `{"email":"a@example.com, b@example.com"}`, alice); a.status != http.StatusBadRequest {
		t.Errorf("two addresses: %d %s", a.status, a.body)
	}
	if a := h.do("PUT", "/-/api/v1/users/alice/email", `{"email":"four@example.com"}`, basic("admin", h.adminPassword)); a.status != http.StatusOK || strings.TrimSpace(a.body) != `{"pending":false}` {
		t.Errorf("by an administrator: %d %s", a.status, a.body)
	}
	if l := letters.letter(t, auth.LetterEmailChanged); l.To != "one@example.com" || l.NewEmail != "four@example.com" {
		t.Errorf("the old address is told %+v", l)
	}
}
