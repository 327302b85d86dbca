package gateway_test

import (
	"crypto/ed25519"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/auth"
)

func ed25519Line(t *testing.T) string {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + " alice@laptop"
}

func TestAPIKeyLife(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice := basic("alice", alicePassword)
	h.do("GET", v1+"/me/apikey", nil, alice).code(http.StatusNotFound, auth.NotFound)
	h.do("PUT", v1+"/me/apikey", nil, alice).code(http.StatusNotFound, auth.NotFound)
	h.do("DELETE", v1+"/me/apikey", nil, alice).code(http.StatusNotFound, auth.NotFound)
	first := h.do("POST", v1+"/me/apikey", nil, alice).is(http.StatusCreated).field("api_key")
	h.do("POST", v1+"/users/alice/apikey", nil, alice).code(http.StatusConflict, auth.Exists)
	if shown := h.do("GET", v1+"/users/alice/apikey", nil, apiKey(first)).is(http.StatusOK).field("api_key"); shown != first {
		t.Errorf("shown %q, made %q", shown, first)
	}
	second := h.do("PUT", v1+"/me/apikey", nil, alice).is(http.StatusOK).field("api_key")
	h.do("GET", v1+"/whoami", nil, bearer(first)).code(http.StatusUnauthorized, auth.Unauthenticated)
	h.do("GET", v1+"/whoami", nil, bearer(second)).is(http.StatusOK)
	h.do("DELETE", v1+"/me/apikey", nil, alice).is(http.StatusNoContent)
	h.do("GET", v1+"/whoami", nil, bearer(second)).code(http.StatusUnauthorized, auth.Unauthenticated)

	third := h.do("POST", v1+"/users/me/apikey", nil, alice).is(http.StatusCreated).field("api_key")
	h.do("DELETE", v1+"/apikeys", nil, alice).code(http.StatusForbidden, auth.Forbidden)
	h.do("DELETE", v1+"/apikeys", nil, basic("admin", h.adminPassword)).is(http.StatusNoContent)
	h.do("GET", v1+"/whoami", nil, bearer(third)).code(http.StatusUnauthorized, auth.Unauthenticated)
}

func TestTokenLife(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice := basic("alice", alicePassword)
	made := h.do("POST", v1+"/me/tokens", map[string]any{"description": "ci", "expires_in": 3600, "reference": true}, alice).is(http.StatusCreated)
	ends, err := time.Parse(time.RFC3339, made.field("expires"))
	if left := time.Until(ends); err != nil || left < 59*time.Minute || left > time.Hour || !strings.HasSuffix(made.field("expires"), "Z") {
		t.Errorf("expires %q", made.field("expires"))
	}
	id := made.field("id")
	if made.header.Get("Location") != v1+"/tokens/"+id || len(made.field("reference_token")) != 64 {
		t.Errorf("%s at %s", made.body, made.header.Get("Location"))
	}
	for _, a := range []answer{h.do("GET", v1+"/tokens/"+id, nil, alice).is(http.StatusOK), h.do("GET", v1+"/me/tokens", nil, alice).is(http.StatusOK)} {
		if strings.Contains(a.body, made.field("access_token")) || strings.Contains(a.body, made.field("reference_token")) || !strings.Contains(a.body, `"ci"`) {
			t.Errorf("%s shows %s", a.at, a.body)
		}
	}
	plain := h.do("POST", v1+"/me/tokens", map[string]any{}, alice).is(http.StatusCreated)
	if strings.Contains(plain.body, "reference_token") || plain.field("expires") == "" {
		t.Error(plain.body)
	}
	endless := h.do("POST", v1+"/me/tokens", map[string]any{"expires_in": 0}, alice).is(http.StatusCreated)
	if endless.field("expires") != "" {
		t.Error(endless.body)
	}
	for _, seconds := range []int64{-1, 3153600001, 1 << 62} {
		if a := h.do("POST", v1+"/me/tokens", map[string]any{"expires_in": seconds}, alice).code(http.StatusBadRequest, auth.Invalid); a.field("field") != "expires_in" {
			t.Error(a.body)
		}
	}
	if a := h.do("POST", v1+"/me/tokens", map[string]any{"scope": "everything"}, alice).code(http.StatusBadRequest, auth.Invalid); a.field("field") != "scope" {
		t.Error(a.body)
	}

	next := h.do("POST", v1+"/tokens/"+id+"/rotate", nil, alice).is(http.StatusCreated)
	if next.field("id") == id || next.field("description") != "ci" {
		t.Error(next.body)
	}
	h.do("GET", v1+"/whoami", nil, bearer(made.field("access_token"))).code(http.StatusUnauthorized, auth.Unauthenticated)
	h.do("GET", v1+"/whoami", nil, bearer(made.field("reference_token"))).code(http.StatusUnauthorized, auth.Unauthenticated)
	h.do("GET", v1+"/whoami", nil, bearer(next.field("access_token"))).is(http.StatusOK)
	h.do("DELETE", v1+"/tokens/"+next.field("id"), nil, alice).is(http.StatusNoContent)
	h.do("GET", v1+"/whoami", nil, bearer(next.field("access_token"))).code(http.StatusUnauthorized, auth.Unauthenticated)
}

// TestATokenIsRotatedWithAnOverlap, in which both work; afterwards, and after a
// revocation, the old one is on the list of those that have ended alone.
func TestATokenIsRotatedWithAnOverlap(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice := basic("alice", alicePassword)
	old := h.do("POST", v1+"/me/tokens", map[string]any{"description": "ci", "expires_in": 0}, alice).is(http.StatusCreated)
	rotate := v1 + "/tokens/" + old.field("id") + "/rotate"
	for _, overlap := range []int64{-1, 59, 30*24*3600 + 1, 1 << 62, -1 << 63} {
		if a := h.do("POST", rotate, map[string]any{"overlap": overlap}, alice).code(http.StatusBadRequest, auth.Invalid); a.field("field") != "overlap" {
			t.Error(a.body)
		}
	}
	for _, body := range []any{map[string]any{"overlap": "1h"}, map[string]any{"overlaps": 60}, []int{60}} {
		h.do("POST", rotate, body, alice).code(http.StatusBadRequest, auth.Invalid)
	}
	next := h.do("POST", rotate, map[string]any{"overlap": 3600}, alice).is(http.StatusCreated)
	if next.field("replaces") != old.field("id") || next.header.Get("Location") != v1+"/tokens/"+next.field("id") {
		t.Errorf("%s at %s", next.body, next.header.Get("Location"))
	}
	for _, token := range []answer{old, next} {
		h.do("GET", v1+"/whoami", nil, bearer(token.field("access_token"))).is(http.StatusOK)
	}
	shown := h.do("GET", v1+"/tokens/"+old.field("id"), nil, alice).is(http.StatusOK)
	if shown.field("replaced_by") != next.field("id") || shown.field("expires") == "" || !strings.Contains(shown.body, `"recent_uses":[{"at":"`) {
		t.Error(shown.body)
	}
	h.do("POST", rotate, map[string]any{"overlap": 3600}, alice).code(http.StatusConflict, auth.Exists)
	if n := len(h.do("GET", v1+"/me/tokens?ended=true", nil, alice).is(http.StatusOK).items()); n != 0 {
		t.Errorf("%d have ended", n)
	}
	last := h.do("POST", v1+"/tokens/"+next.field("id")+"/rotate", map[string]any{"overlap": 0}, alice).is(http.StatusCreated)
	h.do("DELETE", v1+"/tokens/"+old.field("id"), nil, alice).is(http.StatusNoContent)
	h.do("GET", v1+"/whoami", nil, bearer(old.field("access_token"))).code(http.StatusUnauthorized, auth.Unauthenticated)
	h.do("GET", v1+"/whoami", nil, bearer(last.field("access_token"))).is(http.StatusOK)
	why := map[any]any{}
	for _, row := range h.do("GET", v1+"/users/alice/tokens?ended=true", nil, alice).is(http.StatusOK).items() {
		why[row["id"]] = row["ended_why"]
	}
	if len(why) != 2 || why[old.field("id")] != "revoked" || why[next.field("id")] != "replaced" {
		t.Errorf("%v", why)
	}
	if live := h.do("GET", v1+"/me/tokens?ended=false", nil, alice).is(http.StatusOK).items(); len(live) != 1 || live[0]["id"] != last.field("id") {
		t.Errorf("%v", live)
	}
	h.do("GET", v1+"/me/tokens?ended=yes", nil, alice).code(http.StatusBadRequest, auth.Invalid)
	h.do("GET", v1+"/users/alice/tokens?ended=true", nil, basic("eve", evePassword)).code(http.StatusForbidden, auth.Forbidden)
}

// TestTokensMakeOnlyWhatTheyCover through the API: a narrow or ending token
// neither reads nor makes what is wider or longer.
func TestTokensMakeOnlyWhatTheyCover(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice := basic("alice", alicePassword)
	h.do("POST", v1+"/me/apikey", nil, alice).is(http.StatusCreated)
	ending := bearer(h.do("POST", v1+"/me/tokens", map[string]any{"expires_in": 3600}, alice).is(http.StatusCreated).field("access_token"))
	narrow := bearer(h.do("POST", v1+"/me/tokens", map[string]any{"scope": "artifact:lfs/**:r", "expires_in": 0}, alice).is(http.StatusCreated).field("access_token"))
	for _, shown := range []with{ending, narrow} {
		h.do("GET", v1+"/me/apikey", nil, shown).code(http.StatusForbidden, auth.Forbidden)
		h.do("GET", v1+"/me/encrypted-password", nil, shown).code(http.StatusForbidden, auth.Forbidden)
		h.do("POST", v1+"/me/tokens", map[string]any{"expires_in": 0}, shown).code(http.StatusForbidden, auth.Forbidden)
		h.do("PUT", v1+"/me/password", map[string]any{"old": alicePassword, "new": "a new and longer password"}, shown).code(http.StatusForbidden, auth.Forbidden)
	}
	h.do("POST", v1+"/me/tokens", map[string]any{"expires_in": 60}, ending).is(http.StatusCreated)
}

func TestSSHKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice, eve := basic("alice", alicePassword), basic("eve", evePassword)
	line := ed25519Line(t)
	made := h.do("POST", v1+"/me/sshkeys", map[string]any{"key": line, "expires": "2099-01-31T12:00:00+01:00"}, alice).is(http.StatusCreated)
	if made.field("title") != "alice@laptop" || made.field("type") != "ssh-ed25519" || made.field("expires") != "2099-01-31T11:00:00Z" {
		t.Error(made.body)
	}
	h.do("POST", v1+"/me/sshkeys", map[string]any{"key": line}, eve).code(http.StatusConflict, auth.Exists)
	for _, body := range []map[string]any{{"key": "ssh-ed25519 rubbish"}, {"key": ""}, {"key": line, "expires": "tomorrow"}, {"key": `command="id" ` + ed25519Line(t)}} {
		h.do("POST", v1+"/me/sshkeys", body, alice).code(http.StatusBadRequest, auth.Invalid)
	}
	if got := h.do("GET", v1+"/users/alice/sshkeys", nil, alice).items(); len(got) != 1 || got[0]["id"] != made.field("id") {
		t.Errorf("keys %v", got)
	}
	h.do("DELETE", v1+"/sshkeys/"+made.field("id"), nil, alice).is(http.StatusNoContent)
	h.do("DELETE", v1+"/sshkeys/"+made.field("id"), nil, alice).code(http.StatusNotFound, auth.NotFound)
}

func TestBodiesOverHTTP(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice := basic("alice", alicePassword)
	at := v1 + "/me/tokens"
	for _, media := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=latin1", "application/jsonx", "text/json"} {
		h.do("POST", at, `{}`, alice, header("Content-Type", media)).code(http.StatusUnsupportedMediaType, "unsupported_media_type")
	}
	h.do("POST", at, `{}`, alice, header("Content-Type", `application/json; charset="UTF-8"`)).is(http.StatusCreated)
	h.do("POST", at, nil, alice).is(http.StatusUnsupportedMediaType)
	h.do("POST", at, `{"description":"`+strings.Repeat("a", 64<<10)+`"}`, alice).code(http.StatusRequestEntityTooLarge, "too_large")
	h.do("POST", at, `{"Scope":"applied-permissions/user"}`, alice).code(http.StatusBadRequest, auth.Invalid)
	if n := len(h.do("GET", at, nil, alice).items()); n != 1 {
		t.Errorf("%d tokens were made, want 1", n)
	}
	h.do("PUT", at, `{}`, alice).is(http.StatusMethodNotAllowed)
	h.do("GET", v1+"/nothing", nil, alice).is(http.StatusNotFound)
}
