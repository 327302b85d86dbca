package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// BenchmarkPages is what a page costs in the daemon alone, with the store in a
// file: 50 tokens on the profile, 1,000 users behind the list of users. The
// bytes are those of the page.
func BenchmarkPages(b *testing.B) {
	ctx := context.Background()
	f := benchFront(b, benchStores[0].open(b))
	const secret = "correct horse battery staple"
	if _, err := f.auth.Users.Create(ctx, f.admin, auth.NewUser{Name: "boss", Email: "boss@example.com", Admin: true, Password: auth.NewSecret(secret)}); err != nil {
		b.Fatal(err)
	}
	var err error
	for i := range 1000 {
		if _, err := f.auth.Users.Create(ctx, f.admin, auth.NewUser{Name: fmt.Sprintf("user%04d", i), Email: "somebody@example.com"}); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 50 {
		if _, err := f.auth.Tokens.Create(ctx, f.admin, auth.NewToken{Owner: "boss", Description: fmt.Sprintf("token %d of the boss", i), Life: 90 * 24 * time.Hour}); err != nil {
			b.Fatal(err)
		}
	}
	cookie, _, err := f.auth.Sessions.SignIn(ctx, auth.Peer{}, "boss", auth.NewSecret(secret), false)
	if err != nil {
		b.Fatal(err)
	}
	h := f.gateway.Handler()
	for _, path := range []string{"/ui/login", "/ui/profile", "/ui/profile/account", "/ui/profile/sessions", "/ui/admin/users", "/ui/admin/users/boss", "/ui/app.js", "/ui/style.css"} {
		b.Run(path, func(b *testing.B) {
			r := httptest.NewRequest("GET", path, nil)
			r.Host = f.addr
			if path != "/ui/login" {
				r.AddCookie(&http.Cookie{Name: "latchkey", Value: cookie.Reveal()})
			}
			size := 0
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Header())
				}
				size = w.Body.Len()
			}
			b.ReportMetric(float64(size), "B/page")
		})
	}
}
