package auth_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

func TestAFormIsTakenOnce(t *testing.T) {
	const form = "Zm9ybS1vZi1hLXBhZ2U_-x"
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			store, c, more := b.open(t)
			w := worldOver(t, store, c)
			second := w
			if more != nil {
				second = worldOver(t, more(), c)
			}
			ctx := t.Context()
			w.user("alice", withPassword)
			one, _ := w.session("alice", false)
			other, _ := w.session("alice", false)
			who := w.who(one)
			var posts sync.WaitGroup
			var taken atomic.Int64
			for i := range 20 {
				at := w
				if i%2 > 0 {
					at = second
				}
				posts.Go(func() {
					switch err := at.Sessions.Once(ctx, who, form); auth.CodeOf(err) {
					case "":
						taken.Add(1)
					case auth.Exists:
					default:
						t.Error(err)
					}
				})
			}
			posts.Wait()
			if n := taken.Load(); n != 1 {
				t.Errorf("%d of 20 equal posts were let through", n)
			}
			wantCode(t, "once more", w.Sessions.Once(ctx, who, form), auth.Exists)
			must(t, w.Sessions.Once(ctx, who, form+"2"))
			must(t, w.Sessions.Once(ctx, w.who(other), form)) // another session's is another form
			if n := w.RecordsOf(ctx, "form/"); n != 3 {
				t.Errorf("%d records", n)
			}
			c.Advance(11 * time.Hour)
			wantCode(t, "eleven hours later", w.Sessions.Once(ctx, who, form), auth.Exists)
			c.Advance(2 * time.Hour)
			if n := w.RecordsOf(ctx, "form/"); n != 0 {
				t.Errorf("%d records are kept", n)
			}
		})
	}
}

func TestWhatIsNoForm(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	session, _ := w.session("alice", false)
	who := w.who(session)
	for _, form := range []string{"", "fifteen-letters", strings.Repeat("a", 65), "sixteen letters!", "sixteen/letters+", "sechzehn-zeichen\x00", "sechzehn-zeichèn"} {
		wantCode(t, form, w.Sessions.Once(ctx, who, form), auth.Invalid, "form")
	}
	wantCode(t, "without a session", w.Sessions.Once(ctx, w.who(password("alice")), "sixteen-letters-"), auth.Forbidden)
	wantCode(t, "nobody", w.Sessions.Once(ctx, auth.Identity{}, "sixteen-letters-"), auth.Forbidden)
	for i := range auth.MaxForms {
		must(t, w.Sessions.Once(ctx, who, fmt.Sprintf("form-number-%04d", i)))
	}
	wantCode(t, "too many", w.Sessions.Once(ctx, who, "sixteen-letters-"), auth.Throttled)
	w.clock.Advance(10 * time.Minute)
	must(t, w.Sessions.Once(ctx, who, "sixteen-letters-"))
}
