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

// What an answer of the token endpoint echoes is not told.
func TestEchoes(t *testing.T) {
	t.Parallel()
	op := testidp.NewOIDC(t)
	for _, status := range []int{200, 400, 401, 500} {
		for _, kind := range []string{"application/json", "application/x-www-form-urlencoded", "text/html"} {
			op.Honest()
			r := rigAt(t, op, nil)
			var heard overheard
			heard.hear(r.op)
			r.op.Intercept(testidp.Token, func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					q.ParseForm()
					var said []string
					for _, name := range []string{"code", "code_verifier", "client_secret"} {
						said = append(said, q.PostForm.Get(name))
					}
					said = append(said, q.Header.Get("Authorization"), r.op.Client.Secret)
					heard.add(strings.Join(said, " "))
					w.Header().Set("Content-Type", kind)
					w.WriteHeader(status)
					text := strings.NewReplacer(`"`, `'`).Replace(strings.Join(said, ","))
					switch kind {
					case "application/json":
						w.Write([]byte(`{"error":"` + text + `","error_description":"so ` + text + `","error_uri":"` + text + `"}`))
					default:
						w.Write([]byte(url.Values{"error": {text}, "error_description": {text}}.Encode()))
					}
				})
			})
			_, err := r.visit(t, auth.ToSignIn)
			if err == nil {
				t.Fatal("signed in")
			}
			heard.check(t, r.op.Client.Secret, err)
		}
	}
}
