package oauth_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/testidp"
	"github.com/latchkey-io/latchkey/oauth"
)

// What is read as an attempt is written the same, so that nothing has two
// spellings.
func FuzzAttempt(f *testing.F) {
	state := strings.Repeat("A", 43)
	good := oauth.AttemptText("corp", auth.Attempt{Purpose: auth.ToBind, Session: "s", Next: "/n", Begun: time.UnixMilli(1)}, state)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(append(good, 0))
	f.Add([]byte{1, 1})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		again, err := oauth.RereadAttempt(text)
		if err == nil && string(again) != string(text) {
			t.Errorf("%q and %q", text, again)
		}
	})
}

func FuzzState(f *testing.F) {
	f.Add(strings.Repeat("A", 43))
	f.Add(strings.Repeat("_", 42) + "B")
	f.Add(strings.Repeat("A", 42) + "\n")
	f.Fuzz(func(t *testing.T, s string) {
		if oauth.IsState(s) && (len(s) != 43 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "") {
			t.Errorf("%q", s)
		}
	})
}

// Whatever comes to a callback lets nobody in, and is told shortly.
func FuzzAnswer(f *testing.F) {
	r := newRig(f, nil)
	to, id, sealed, err := r.Begin(f.Context(), "corp", auth.Attempt{Purpose: auth.ToSignIn})
	if err != nil {
		f.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		f.Fatal(err)
	}
	state := u.Query().Get("state")
	f.Add("code=x&state=" + state)
	f.Add("code=x&code=y&state=" + state)
	f.Add("error=access_denied&error_description=%00&state=" + state + "&iss=" + url.QueryEscape(r.op.URL))
	f.Add("code=x&iss=x&state=" + state)
	f.Add("state=%zz;a=b")
	r.op.Change(testidp.Token, func(doc map[string]any) { clear(doc) })
	f.Fuzz(func(t *testing.T, query string) {
		back, _ := url.ParseQuery(query)
		r := logins(t, oauth.Config{Providers: r.config.Providers, Ring: testRing(), Spend: (&spent{}).spend, Before: r.Logins, Now: r.clock.Now})
		ext, _, err := r.Finish(t.Context(), "corp", back, func(name string) (string, bool) { return sealed, name == id })
		e, ok := err.(*auth.Error)
		if !ok || ext.Subject != "" || len(e.Error()) > 2000 || e.Reason == "" || strings.ContainsAny(e.Error(), "\r\n\x00") {
			t.Errorf("%+v, %v", ext, err)
		}
	})
}
