package oauth_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/testidp"
	"github.com/latchkey-io/latchkey/oauth"
)

// Fifty are at a provider that holds its answers; one more waits as long as it
// has time, also under a configuration that is new, and the places are free
// afterwards.
func TestFiftyAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	type way struct {
		back url.Values
		b    browser
	}
	var ways []way
	for range oauth.MaxAtOnce + 3 {
		b := browser{}
		back, err := r.there(t, b, attemptTo(auth.ToSignIn))
		if err != nil {
			t.Fatal(err)
		}
		ways = append(ways, way{back, b})
	}
	held, release := r.op.Hold(testidp.Token)
	var all sync.WaitGroup
	for _, w := range ways[:oauth.MaxAtOnce] {
		all.Go(func() {
			if err := finish(t, r.Logins, "corp", w.back, w.b); err != nil {
				t.Error(err)
			}
		})
	}
	for range oauth.MaxAtOnce {
		<-held
	}
	config := r.config
	config.Before = r.Logins
	for i, l := range []*oauth.Logins{r.Logins, logins(t, config)} {
		w := ways[oauth.MaxAtOnce+i]
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, _, err := l.Finish(ctx, "corp", w.back, w.b.kept)
		if cancel(); !refusedWith(err, auth.Unavailable, "too many requests") {
			t.Error(err)
		}
	}
	release()
	all.Wait()
	last := ways[oauth.MaxAtOnce+2]
	if err := finish(t, r.Logins, "corp", last.back, last.b); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// A code and a token go nowhere but to their endpoints, not even at home.
func TestRedirectsOfEndpoints(t *testing.T) {
	t.Parallel()
	op := testidp.NewOIDC(t)
	for _, where := range []testidp.Where{testidp.Token, testidp.Userinfo} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			op.Honest()
			r := rigAt(t, op, nil)
			asked := 0
			r.op.Intercept(where, func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					asked++
					http.Redirect(w, q, q.URL.Path, status)
				})
			})
			if _, err := r.visit(t, auth.ToSignIn); !refusedWith(err, auth.Unavailable, "a redirect, which is not followed") {
				t.Errorf("%s %d: %v", where, status, err)
			}
			if asked != 1 {
				t.Errorf("%s %d: asked %d times", where, status, asked)
			}
		}
	}
}

// What an answer of the token endpoint echoes is not told, long or short.
func TestEchoes(t *testing.T) {
	t.Parallel()
	op := testidp.NewOIDC(t)
	op.Client.Secret = "hunter+2"
	for _, status := range []int{200, 400, 401, 500} {
		for _, kind := range []string{"application/json", "application/x-www-form-urlencoded", "text/html"} {
			for _, between := range []string{",", " "} {
				op.Honest()
				r := rigAt(t, op, nil)
				var heard overheard
				heard.hear(op)
				op.Intercept(testidp.Token, func(http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
						q.ParseForm()
						said := []string{q.PostForm.Get("code"), q.PostForm.Get("code_verifier"), q.Header.Get("Authorization"), "hunter+2", "hunter%2B2"}
						text := strings.Join(said, between)
						heard.add(text)
						w.Header().Set("Content-Type", kind)
						w.WriteHeader(status)
						if kind == "application/json" {
							w.Write([]byte(`{"error":"` + text + `","error_description":"so ` + text + `","error_uri":"` + text + `"}`))
						} else {
							w.Write([]byte(url.Values{"error": {text}, "error_description": {text}}.Encode()))
						}
					})
				})
				_, err := r.visit(t, auth.ToSignIn)
				if err == nil {
					t.Fatal("signed in")
				}
				heard.check(t, "hunter+2", err)
			}
		}
	}
}

// The client shows its secret in one way, which the provider names; one without
// a secret shows its name alone.
func TestHowTheClientProvesItself(t *testing.T) {
	t.Parallel()
	op := testidp.NewOIDC(t)
	op.Register(callback)
	const basic, post, none = "client_secret_basic", "client_secret_post", "none"
	for _, tc := range []struct {
		secret  string
		methods any
		header  bool
	}{
		{"hunter-two", nil, true},
		{"hunter-two", []string{basic, post}, true},
		{"hunter-two", []string{post, basic}, true},
		{"hunter-two", []string{post}, false},
		{"hunter-two", []string{"private_key_jwt"}, true},
		{"", nil, false},
		{"", []string{basic}, false},
		{"", []string{none, basic}, false},
	} {
		op.Honest()
		op.Client.Secret = tc.secret
		op.Change(testidp.Discovery, func(doc map[string]any) { doc["token_endpoint_auth_methods_supported"] = tc.methods })
		asked := 0
		op.Intercept(testidp.Token, func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				asked++
				_, secret, header := q.BasicAuth()
				if form := q.FormValue("client_secret"); header != tc.header || secret+form != tc.secret {
					t.Errorf("%q, %v: in the header %v", tc.secret, tc.methods, header)
				}
				next.ServeHTTP(w, q)
			})
		})
		r := rigAt(t, op, nil)
		if _, err := r.visit(t, auth.ToSignIn); err != nil || asked != 1 {
			t.Errorf("%q, %v: asked %d times, %v", tc.secret, tc.methods, asked, err)
		}
	}
}
