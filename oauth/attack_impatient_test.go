package oauth_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/testidp"
	"github.com/latchkey-io/latchkey/oauth"
)

// slowOnce is a way to a provider on which the first answer takes longer than
// whoever signs out waits for it.
type slowOnce struct{ asked atomic.Int32 }

func (s *slowOnce) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.asked.Add(1) == 1 {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return http.DefaultTransport.RoundTrip(r)
}

// TestWhoSignsOutHoldsNobodyUp: that somebody did not wait long enough for a
// provider that nothing is known of yet is no reason to refuse those who would.
func TestWhoSignsOutHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	op := testidp.NewOIDC(t)
	op.Register(callback)
	l := logins(t, oauth.Config{Providers: []oauth.Provider{provider(op)}, Ring: testRing(), Spend: new(spent).spend, Transport: new(slowOnce)})
	begun := time.Now()
	if to, ok := l.Farewell(t.Context(), "corp", auth.Secret{}, ""); ok {
		t.Fatalf("leads to %q", to)
	}
	if waited := time.Since(begun); waited > oauth.FetchTimeout-time.Second {
		t.Errorf("waited %s", waited)
	}
	_, _, _, err := l.Begin(t.Context(), "corp", auth.Attempt{Purpose: auth.ToSignIn})
	if err != nil {
		t.Errorf("nobody can sign in: %v %v", err, errors.Unwrap(err))
	}
}
