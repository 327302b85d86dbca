package oauth_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/testidp"
	"github.com/latchkey-io/latchkey/oauth"
)

type ctx = context.Context

// signedIn is somebody whom Refresh can be asked about.
func (r *rig) signedIn(t testing.TB) auth.External {
	t.Helper()
	ext, err := r.visit(t, auth.ToSignIn)
	if err != nil || ext.Refresh.Empty() {
		t.Fatalf("%+v, %v", ext, err)
	}
	return ext
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	for _, full := range []bool{false, true} {
		r := newRig(t, func(p *oauth.Provider) { p.Groups = []oauth.GroupRule{{Claim: "*"}} })
		r.op.Full = full
		ext := r.signedIn(t)
		again := ext
		for i := range 3 { // secrets change each time
			r.clock.move(5 * time.Minute)
			var err error
			if again, err = r.Refresh(t.Context(), "corp", ext.Subject, again.Refresh); err != nil {
				t.Fatalf("%d: %v", i, err)
			}
			if again.Subject != ext.Subject || !slices.Equal(again.Groups, []string{"staff"}) || again.SID != ext.SID || again.Login != "alice" {
				t.Errorf("%+v", again)
			}
		}
		r.op.Change(testidp.Profile, func(doc map[string]any) { doc["groups"] = []string{"other"} })
		again, err := r.Refresh(t.Context(), "corp", ext.Subject, again.Refresh)
		if err != nil || !slices.Equal(again.Groups, []string{"other"}) {
			t.Errorf("%+v, %v", again, err)
		}
		r.op.Revoke(ext.Subject)
		if _, err = r.Refresh(t.Context(), "corp", ext.Subject, again.Refresh); !refusedWith(err, auth.Unauthenticated, "invalid_grant") {
			t.Error(err)
		}
	}
}

// Answers that a provider may give, and how they end.
func TestAnswersToRefresh(t *testing.T) {
	t.Parallel()
	answers := func(status int, text string) func(*rig) {
		return func(r *rig) {
			r.op.Intercept(testidp.Token, func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(status)
					w.Write([]byte(text))
				})
			})
		}
	}
	token := func(f func(doc map[string]any)) func(*rig) {
		return func(r *rig) { r.op.Change(testidp.Token, f) }
	}
	claims := func(f func(r *rig, c map[string]any)) func(*rig) {
		return func(r *rig) {
			r.op.ChangeJWT(testidp.Refresh, func(j *testidp.JWT) { f(r, j.Claims) })
		}
	}
	var nonce any
	op := testidp.NewOIDC(t)
	for _, tc := range []struct {
		name   string
		change func(*rig)
		want   auth.Code // "": goes on
	}{
		{"as it should", func(*rig) {}, ""},
		{"no id_token", token(func(doc map[string]any) { delete(doc, "id_token") }), ""},
		{"no id_token, userinfo of somebody else", func(r *rig) {
			token(func(doc map[string]any) { delete(doc, "id_token") })(r)
			r.op.Change(testidp.Userinfo, func(doc map[string]any) { doc["sub"] = testidp.Bob().Subject })
		}, auth.Unauthenticated},
		{"no id_token, no access", func(r *rig) {
			token(func(doc map[string]any) { delete(doc, "id_token") })(r)
			r.op.Intercept(testidp.Userinfo, func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) })
			})
		}, auth.Unauthenticated},
		{"no id_token, userinfo down", func(r *rig) {
			token(func(doc map[string]any) { delete(doc, "id_token") })(r)
			r.op.Intercept(testidp.Userinfo, func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) })
			})
		}, auth.Unavailable},
		{"an id_token of null", token(func(doc map[string]any) { doc["id_token"] = 7 }), auth.Unauthenticated},
		{"the first nonce again", claims(func(_ *rig, c map[string]any) { c["nonce"] = nonce }), ""},
		{"an old id_token", claims(func(r *rig, c map[string]any) { c["iat"] = r.clock.Now().Add(-2 * time.Minute).Unix() }), auth.Unauthenticated},
		{"a nonce of null", claims(func(_ *rig, c map[string]any) { c["nonce"] = nil }), auth.Unauthenticated},
		{"several audiences", claims(func(r *rig, c map[string]any) { c["aud"] = []string{"latchkey", "x"} }), auth.Unauthenticated},
		{"no new refresh token", token(func(doc map[string]any) { delete(doc, "refresh_token") }), ""},
		{"invalid_grant", answers(400, `{"error":"invalid_grant"}`), auth.Unauthenticated},
		{"access_denied", answers(403, `{"error":"access_denied"}`), auth.Unauthenticated},
		{"interaction_required", answers(400, `{"error":"interaction_required"}`), auth.Unauthenticated},
		{"invalid_grant with 200", answers(200, `{"error":"invalid_grant"}`), auth.Unauthenticated},
		{"invalid_client", answers(401, `{"error":"invalid_client"}`), auth.Unavailable},
		{"unauthorized_client", answers(400, `{"error":"unauthorized_client"}`), auth.Unavailable},
		{"temporarily_unavailable", answers(400, `{"error":"temporarily_unavailable"}`), auth.Unavailable},
		{"500", answers(500, `{"error":"invalid_grant"}`), auth.Unavailable},
		{"503", answers(503, `no`), auth.Unavailable},
		{"429", answers(429, `{"error":"invalid_grant"}`), auth.Unavailable},
		{"a page with 404", answers(404, `<html>`), auth.Unavailable},
		{"a page with 200", answers(200, `<html>`), auth.Unavailable},
		{"nothing", answers(200, ``), auth.Unavailable},
		{"broken off", func(r *rig) {
			r.op.Intercept(testidp.Token, func(http.Handler) http.Handler {
				return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
			})
		}, auth.Unavailable},
	} {
		op.Honest()
		r := rigAt(t, op, nil)
		r.op.ChangeJWT(testidp.IDToken, func(j *testidp.JWT) { nonce = j.Claims["nonce"] })
		var heard overheard
		heard.hear(r.op)
		ext := r.signedIn(t)
		tc.change(r)
		again, err := r.Refresh(t.Context(), "corp", ext.Subject, ext.Refresh)
		if auth.CodeOf(err) != tc.want || (err == nil) != (again.Subject == ext.Subject) {
			t.Errorf("%s: %+v, %v", tc.name, again, err)
		}
		if err == nil && (again.Refresh.Empty() || again.Refresh.Equal(ext.Refresh) != (tc.name == "no new refresh token")) {
			t.Errorf("%s: the secret for the next time is wrong", tc.name)
		}
		heard.check(t, r.op.Client.Secret, err)
	}
}

func TestRefreshOfNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	ext := r.signedIn(t)
	for _, tc := range []struct {
		provider, subject string
		secret            auth.Secret
	}{
		{"other", ext.Subject, ext.Refresh}, {"corp", "", ext.Refresh}, {"corp", ext.Subject, auth.Secret{}},
		{"corp", ext.Subject, auth.NewSecret("short")}, {"corp", testidp.Bob().Subject, ext.Refresh},
	} {
		if _, err := r.Refresh(t.Context(), tc.provider, tc.subject, tc.secret); auth.CodeOf(err) != auth.Unauthenticated {
			t.Errorf("%+v: %v", tc, err)
		}
	}
}

// A rotating secret is not lost with the request that asked.
func TestRefreshOutlivesItsRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	ext := r.signedIn(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if again, err := r.Refresh(gone, "corp", ext.Subject, ext.Refresh); err != nil || again.Refresh.Empty() {
		t.Error(err)
	}
}
