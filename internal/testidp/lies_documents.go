package testidp

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	hugeDocument = 2 << 20 // twice what a client may read
	dribble      = 100 * time.Millisecond
)

// documentLies are those that every endpoint can tell.
func documentLies() []Lie {
	var out []Lie
	for _, where := range []Where{Discovery, JWKS, Token, Userinfo} {
		instead := func(says string, f http.HandlerFunc) Lie {
			return Lie{Name: string(where) + ": " + says, Where: where, Must: Refused, Apply: func(o *OIDC) {
				o.Intercept(where, func(http.Handler) http.Handler { return f })
			}}
		}
		says := func(status int, kind, text string) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", kind)
				w.WriteHeader(status)
				io.WriteString(w, text)
			}
		}
		out = append(out,
			textLie(where, Refused, "2 MiB", func(_ *OIDC, text []byte) []byte {
				return twice(text, `"x":"`+strings.Repeat("x", hugeDocument)+`"`)
			}),
			textLie(where, Refused, "2 MiB of spaces behind", func(_ *OIDC, text []byte) []byte {
				return append(text, bytes.Repeat([]byte(" "), hugeDocument)...)
			}),
			instead("without end", func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				for chunk := bytes.Repeat([]byte(" "), 64<<10); r.Context().Err() == nil; {
					if _, err := w.Write(chunk); err != nil {
						return
					}
				}
			}),
			Lie{Name: string(where) + ": never answers", Where: where, Must: Refused, Slow: true, Apply: func(o *OIDC) {
				o.Intercept(where, func(http.Handler) http.Handler {
					return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { o.wait(r, time.Hour) })
				})
			}},
			Lie{Name: string(where) + ": a byte each 100 ms", Where: where, Must: Refused, Slow: true, Apply: func(o *OIDC) {
				o.Intercept(where, func(http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("Content-Type", "application/json")
						flush := http.NewResponseController(w)
						for o.wait(r, dribble) {
							if _, err := w.Write([]byte(" ")); err != nil || flush.Flush() != nil {
								return
							}
						}
					})
				})
			}},
			instead("500", says(http.StatusInternalServerError, "text/plain", "no")),
			instead("500 with markup", says(http.StatusInternalServerError, "text/html", "<svg onload=alert(1)>")),
			instead("404", says(http.StatusNotFound, "text/plain", "no")),
			instead("204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
			instead("a page", says(http.StatusOK, "text/html", "<!doctype html><title>Sign in</title>")),
			instead("nothing", says(http.StatusOK, "application/json", "")),
			instead("null", says(http.StatusOK, "application/json", "null")),
			instead("a list", says(http.StatusOK, "application/json", "[]")),
			instead("an empty object", says(http.StatusOK, "application/json", "{}")),
			instead("broken off", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "100")
				io.WriteString(w, `{"iss`)
			}),
			textLie(where, Refused, "cut short", func(_ *OIDC, text []byte) []byte { return text[:len(text)-1] }),
			textLie(where, Refused, "two objects", func(_ *OIDC, text []byte) []byte { return append(text, text...) }),
			textLie(where, Refused, "nests deeply", func(_ *OIDC, text []byte) []byte { return twice(text, `"x":`+nested) }),
			textLie(where, Refused, "no UTF-8", func(_ *OIDC, text []byte) []byte { return twice(text, "\"x\":\"\xff\"") }),
			textLie(where, Refused, "a name twice", func(_ *OIDC, text []byte) []byte { return twice(text, `"`+firstName(where)+`":"x"`) }),
		)
		for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
			out = append(out, Lie{
				Name: string(where) + ": redirects to another origin with " + http.StatusText(status), Where: where, Must: Refused,
				Apply: func(o *OIDC) {
					o.Intercept(where, func(http.Handler) http.Handler {
						return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							http.Redirect(w, r, o.Away()+r.URL.Path, status)
						})
					})
				}})
		}
	}
	return out
}

// firstName is a member that decides, of the document of a place.
func firstName(where Where) string {
	switch where {
	case Discovery:
		return "issuer"
	case JWKS:
		return "keys"
	case Token:
		return "id_token"
	}
	return "sub"
}

// wait waits, and reports whether the client is still there.
func (o *OIDC) wait(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-o.closed:
	}
	return false
}
