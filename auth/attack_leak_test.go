package auth_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// The keys of links, what upstreams are shown and new passwords stand in no
// log at any level, not in the trail and not in the store, whether what they
// are for succeeds, is refused or fails.
func TestNoSecretIsLeftBehind(t *testing.T) {
	c := storetest.NewClock()
	store := storetest.NewFaulty(storetest.NewMemory(c.Now))
	w := worldOver(t, store, c)
	m := w.sendsMail()
	withUpstreams(w)
	w.user("alice", withPassword)
	secrets := map[string]auth.Secret{"upstream secret": auth.NewSecret(upstreamSecret), "new password": newPassword, "old password": auth.NewSecret(rightPassword)}

	session, _ := w.session("alice", true)
	who := w.who(session)
	w.setUpstream(who, "alice", "packages", "ali", upstreamSecret)
	for _, name := range []string{"packages", "nothing"} {
		w.Upstreams.Test(t.Context(), who, "alice", name, "ali", secrets["upstream secret"])
		w.Upstreams.Set(t.Context(), who, "alice", name, "a:li", secrets["upstream secret"])
	}
	secrets["confirmation"] = w.pending(m, who, "new@example.com")
	must(t, w.Users.ConfirmEmail(t.Context(), who, secrets["confirmation"]))
	wantCode(t, "again", w.Users.ConfirmEmail(t.Context(), who, secrets["confirmation"]), auth.NotFound)
	m.next(t, auth.LetterEmailChanged, "alice@example.com")
	must(t, w.Passwords.Forgot(t.Context(), home, "alice"))
	secrets["mailed link"] = m.next(t, auth.LetterReset, "new@example.com").Key
	m.mu.Lock()
	m.send = func(_ context.Context, l auth.Letter) error {
		if l.Kind == auth.LetterReset {
			secrets["link that was not sent"] = l.Key
			m.came <- l
			return errors.New("the mail server refused")
		}
		return nil
	}
	m.mu.Unlock()
	must(t, w.Passwords.Forgot(t.Context(), home, "alice"))
	m.next(t, auth.LetterReset, "new@example.com")
	link := w.made("alice")
	secrets["made link"] = link.Key
	if text := fmt.Sprintf("%v %+v", link, link); strings.Contains(text, link.Key.Reveal()) {
		t.Error("a link prints its key")
	}
	store.FailWrite(1, storetest.NotPersisted)
	if err := w.choose("alice", link.Key, false); err == nil {
		t.Error("no fault")
	}
	store.Heal()
	must(t, w.choose("alice", link.Key, false))
	w.wantDead("used", "alice", link.Key)
	w.wantDead("of nobody", "nobody", secrets["mailed link"])
	tok := w.token(w.who(auth.Password{User: "alice", Secret: newPassword}), auth.NewToken{Reference: true})
	next, err := w.Tokens.Replace(t.Context(), w.admin, tok.ID, time.Hour)
	must(t, err)
	secrets["token"], secrets["reference token"], secrets["its successor"] = tok.JWT, tok.Reference, next.Reference
	w.FlushUses(t.Context())

	places := map[string]string{"log": w.log.String(), "trail": w.trail.String()}
	for item, err := range store.List(t.Context(), "") {
		must(t, err)
		places["store"] += item.Key + " " + string(item.Value) + "\n"
	}
	for what, secret := range secrets {
		text := secret.Reveal()
		for _, form := range []string{text, text[:len(text)/2], text[len(text)/2:], hex.EncodeToString([]byte(text)), base64.StdEncoding.EncodeToString([]byte(text))} {
			for place, all := range places {
				if strings.Contains(all, form) {
					t.Errorf("the %s stands in the %s", what, place)
				}
			}
		}
	}
	if strings.Contains(places["log"], "@example.com") {
		t.Error("an address stands in the log")
	}
}
