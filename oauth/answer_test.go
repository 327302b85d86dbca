package oauth_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/testidp"
)

// What a provider says when it does not let somebody in, and what we say.
func TestErrorsOfProviders(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.AAAA"
	for _, tc := range []struct {
		code, reason string
		want         auth.Code
	}{
		{"access_denied", "said no", auth.Forbidden},
		{"login_required", "has to ask you something first", auth.Forbidden},
		{"interaction_required", "has to ask you something first", auth.Forbidden},
		{"consent_required", "has to ask you something first", auth.Forbidden},
		{"account_selection_required", "has to ask you something first", auth.Forbidden},
		{"temporarily_unavailable", "does not answer now", auth.Unavailable},
		{"server_error", "does not answer now", auth.Unavailable},
		{"invalid_request", "tell an administrator", auth.Forbidden},
		{"unauthorized_client", "tell an administrator", auth.Forbidden},
		{"invalid_scope", "tell an administrator", auth.Forbidden},
		{"redirect_uri_mismatch", "tell an administrator", auth.Forbidden},
		{"", "did not let you in", auth.Forbidden},
		{"<svg onload=alert(1)>", "did not let you in", auth.Forbidden},
		{strings.Repeat("e", 100_000), "did not let you in", auth.Forbidden},
		{token, "did not let you in", auth.Forbidden},
	} {
		b := browser{}
		back, err := r.there(t, b, attemptTo(auth.ToSignIn))
		if err != nil {
			t.Fatal(err)
		}
		code := back.Get("code")
		back.Del("code")
		back.Set("error", tc.code)
		back.Set("error_description", "so it is\r\n\x1b[31m <b>"+strings.Repeat(" x", 1000)+" "+token)
		back.Set("error_uri", "https://evil.example/")
		_, a, err := r.Finish(t.Context(), "corp", back, b.kept)
		e, ok := err.(*auth.Error)
		if !ok || e.Code != tc.want || !strings.Contains(e.Reason, tc.reason) || !strings.Contains(e.Reason, "Example Corp") {
			t.Errorf("%.40q: %v", tc.code, err)
			continue
		}
		if strings.ContainsAny(e.Error(), "\r\n\x1b") || strings.Contains(e.Error(), token) || len(e.Error()) > 900 ||
			strings.ContainsAny(e.Reason, "<>") || strings.Contains(e.Reason, "so it is") || !strings.Contains(cause(err), "so it is") {
			t.Errorf("%.40q: %s", tc.code, e)
		}
		if a.Purpose != auth.ToSignIn {
			t.Errorf("%.40q: the attempt is %+v", tc.code, a)
		}
		// The attempt is used up.
		back.Del("error")
		back.Set("code", code)
		if err := finish(t, r.Logins, "corp", back, b); !refusedWith(err, auth.Invalid, "used before") {
			t.Errorf("%.40q: afterwards: %v", tc.code, err)
		}
	}
	// An error of whoever has no state of this browser is nobody's.
	for _, back := range []url.Values{
		{"error": {"access_denied"}},
		{"error": {"access_denied"}, "state": {strings.Repeat("A", 43)}},
	} {
		if err := finish(t, r.Logins, "corp", back, browser{}); auth.CodeOf(err) != auth.Invalid {
			t.Error(err)
		}
	}
	if n := r.op.Asked(testidp.Token); n != 0 {
		t.Errorf("%d codes were shown", n)
	}
}

// Answers of flows that are never begun here.
func TestForeignAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, name := range []string{"access_token", "id_token", "token", "response"} {
		b := browser{}
		back, err := r.there(t, b, attemptTo(auth.ToSignIn))
		if err != nil {
			t.Fatal(err)
		}
		back.Set(name, "x")
		if err := finish(t, r.Logins, "corp", back, b); !refusedWith(err, auth.Forbidden, name) {
			t.Error(err)
		}
	}
	for _, code := range []string{strings.Repeat("c", 2049), "a\nb", "a\x00b", "ü"} {
		b := browser{}
		back, err := r.there(t, b, attemptTo(auth.ToSignIn))
		if err != nil {
			t.Fatal(err)
		}
		back.Set("code", code)
		if err := finish(t, r.Logins, "corp", back, b); !refusedWith(err, auth.Forbidden, "a code that is not") {
			t.Error(err)
		}
	}
	if n := r.op.Asked(testidp.Token); n != 0 {
		t.Errorf("%d codes were shown", n)
	}
}
