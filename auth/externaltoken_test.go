package auth_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// foreignToken is a JWT that says it was issued by issuer; e knows it as ext.
func (e *elsewhere) token(issuer string, ext auth.External) auth.Bearer {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.n++
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	text := part(`{"alg":"RS256","typ":"JWT"}`) + "." + part(fmt.Sprintf(`{"iss":%q,"n":%d}`, issuer, e.n)) + "." + part("signed")
	e.tokens[text] = ext
	return bearer(auth.NewSecret(text))
}

func ending(at time.Time) func(*auth.External) { return func(e *auth.External) { e.Ends = at } }

func TestTokensOfProviders(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			w, second, e := replicas(t, b)
			ctx := t.Context()
			w.group("crew")
			w.user("alice", withPassword, inGroups("crew"))
			ends := w.clock.Now().Add(time.Hour).Truncate(time.Second)
			tok := e.token(corpIssuer, atCorp("1", ending(ends)))
			p := w.ReadBearer(tok, []string{"corp"})
			if w.holds(p) {
				t.Error("nobody linked it")
			}
			if !strings.Contains(w.trail.String(), `"action":"identify","result":"refused","credential":"binding"`) {
				t.Error("the refusal is not in the trail")
			}
			bound := w.link("alice", atCorp("1"))
			who := w.who(p)
			if who.User != "alice" || who.Via.Kind != auth.KindBinding || who.Via.ID != bound.ID || !who.Expires.Equal(ends) || !who.InGroup("crew") {
				t.Errorf("%+v", who)
			}
			must(t, w.Recheck(ctx, who))
			// It is judged once, as long as the answer is kept.
			eventually(t, patience, "kept", func() bool { before := e.judged; w.who(p); return e.judged == before })
			eventually(t, patience, "kept there", func() bool { before := e.judged; second.who(p); return e.judged == before })
			// It opens routes, and nothing else.
			for what, err := range map[string]error{
				"token":       errOf(w.Tokens.Create(ctx, who, auth.NewToken{})),
				"short token": errOf2(w.Tokens.Short(ctx, who)),
				"key":         errOf(w.Keys.Create(ctx, who, "alice")),
				"SSH key":     errOf(w.SSHKeys.Create(ctx, who, auth.NewSSHKey{Line: line(newSSHKey(t))})),
				"tokens":      errOf(w.Tokens.List(ctx, who, "alice")),
				"account":     errOf(w.Users.Get(ctx, who, "alice")),
				"links":       errOf(w.Bindings.List(ctx, who, "alice")),
				"link":        errOf(w.Bindings.Create(ctx, who, who.Via.ID, atCorp("2"))),
				"unlink":      w.Bindings.Delete(ctx, who, bound.ID),
				"unlock":      errOf(w.Sessions.Unlock(ctx, who, auth.NewSecret(rightPassword))),
			} {
				wantCode(t, what, err, auth.Forbidden)
			}
			if err := auth.Allow(who, auth.Route{Name: "web", Read: rules(t, "group:crew")}, "", auth.Read); err != nil {
				t.Error(err)
			}
			// What it opens a repository with ends with the link.
			g := w.grant(who, lfs)
			if !w.holds(g) {
				t.Error("the grant does not work")
			}
			must(t, w.Bindings.Delete(ctx, w.admin, bound.ID))
			for what, p := range map[string]auth.Proof{"token": p, "grant": g} {
				if w.holds(p) {
					t.Errorf("the %s works after the account was unlinked", what)
				}
				eventually(t, patience, what+" ends elsewhere", func() bool { return !second.holds(p) })
			}
			wantCode(t, "recheck", w.Recheck(ctx, who), auth.Unauthenticated)
			w.link("alice", atCorp("1"))
			wantCode(t, "recheck after it was linked again", w.Recheck(ctx, who), auth.Unauthenticated)
			// It ends.
			who = w.who(p)
			w.clock.Advance(time.Hour)
			if w.holds(p) {
				t.Error("it outlives its end")
			}
			wantCode(t, "recheck after its end", w.Recheck(ctx, who), auth.Unauthenticated)
		})
	}
}

func TestTokensOfProvidersThatAreRefused(t *testing.T) {
	w := newWorld(t)
	e := w.elsewhere()
	w.user("alice", withPassword)
	w.link("alice", atCorp("1"))
	w.link("alice", atGHE("1"))
	soon := w.clock.Now().Add(time.Hour)
	good := e.token(corpIssuer, atCorp("1", ending(soon)))
	if !w.holds(w.ReadBearer(good, []string{"corp", "ghe"})) {
		t.Fatal("a good one is refused")
	}
	unsigned := e.token(corpIssuer, auth.External{})
	delete(e.tokens, unsigned.Secret.Reveal())
	for what, p := range map[string]auth.Proof{
		"where the route takes none":   w.ReadBearer(good, nil),
		"where it takes another's":     w.ReadBearer(good, []string{"ghe"}),
		"bad signature":                w.ReadBearer(unsigned, []string{"corp"}),
		"of nobody":                    w.ReadBearer(e.token(corpIssuer, atCorp("2", ending(soon))), []string{"corp"}),
		"over":                         w.ReadBearer(e.token(corpIssuer, atCorp("1", ending(w.clock.Now()))), []string{"corp"}),
		"without an end":               w.ReadBearer(e.token(corpIssuer, atCorp("1")), []string{"corp"}),
		"found to be another provider": w.ReadBearer(e.token(corpIssuer, func() auth.External { x := atGHE("1"); x.Ends = soon; return x }()), []string{"corp"}),
		"with a user name":             w.ReadBearer(auth.Bearer{User: "alice", Secret: good.Secret}, []string{"corp"}),
		"a bare answer":                atCorp("1", ending(soon)),
		"no providers":                 auth.ExternalToken{Secret: good.Secret},
		"not a JWT":                    auth.ExternalToken{Secret: auth.NewSecret("x"), Providers: []string{"corp"}},
		"too long":                     auth.ExternalToken{Secret: auth.NewSecret(good.Secret.Reveal() + strings.Repeat("a", 9<<10)), Providers: []string{"corp"}},
	} {
		if w.holds(p) {
			t.Errorf("%s: let in", what)
		}
	}
	e.down = true
	_, err := w.Identify(t.Context(), home, w.ReadBearer(e.token(corpIssuer, atCorp("1", ending(soon))), []string{"corp"}))
	wantCode(t, "no answer", err, auth.Unavailable)
	e.down = false
	must(t, w.Users.Disable(t.Context(), w.admin, "alice"))
	if w.holds(w.ReadBearer(good, []string{"corp"})) {
		t.Error("a disabled user is let in")
	}
	must(t, w.Users.Enable(t.Context(), w.admin, "alice"))
	if !w.holds(w.ReadBearer(good, []string{"corp"})) {
		t.Error("an enabled user is not let in")
	}
	w.SetProviders([]auth.Provider{ghe()}, e)
	if w.holds(auth.ExternalToken{Secret: good.Secret, Providers: []string{"corp"}}) {
		t.Error("a provider that is gone lets in")
	}
	// The same wrong one again and again is not asked about for ever.
	var code auth.Code
	for range 10 {
		_, err := w.Identify(t.Context(), home, auth.ExternalToken{Secret: unsigned.Secret, Providers: []string{"corp"}})
		code = auth.CodeOf(err)
	}
	if code != auth.Repeated {
		t.Errorf("the tenth time: %q", code)
	}
}

// Our own tokens are read as ours on every route.
func TestReadBearer(t *testing.T) {
	w := newWorld(t)
	e := w.elsewhere(corp(), ghe(), corp(func(p *auth.Provider) { p.Name = "also" }))
	w.user("alice", withPassword)
	tok := w.token(w.who(password("alice")), auth.NewToken{Reference: true})
	all := []string{"also", "corp", "ghe"}
	for _, s := range []auth.Secret{tok.JWT, tok.Reference, {}, auth.NewSecret("eyJ.."), auth.NewSecret("eyJ.e30.x"), auth.NewSecret("eyJ.!!.x"), auth.NewSecret("eyJ.W10.x")} {
		if p, ok := w.ReadBearer(bearer(s), all).(auth.Bearer); !ok || !p.Secret.Equal(s) {
			t.Errorf("%q is read as %T", s.Reveal(), p)
		}
	}
	if p, ok := w.ReadBearer(e.token(corpIssuer, auth.External{}), all).(auth.ExternalToken); !ok || fmt.Sprint(p.Providers) != "[corp also]" {
		t.Errorf("%+v", p)
	}
	for _, issuer := range []string{"", corpIssuer + "/", strings.ToUpper(corpIssuer), "https://evil.test"} {
		if p, ok := w.ReadBearer(e.token(issuer, auth.External{}), all).(auth.Bearer); !ok {
			t.Errorf("issuer %q is read as %T", issuer, p)
		}
	}
}

func FuzzReadBearer(f *testing.F) {
	w := newWorld(f)
	w.elsewhere()
	f.Add("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIn0.c2ln")
	f.Add("eyJ.eyJpc3MiOjF9.")
	f.Add("eyJ.e30.x")
	f.Fuzz(func(t *testing.T, text string) {
		p := w.ReadBearer(bearer(auth.NewSecret(text)), []string{"corp"})
		if ext, ok := p.(auth.ExternalToken); ok && (ext.Secret.Reveal() != text || len(ext.Providers) != 1) {
			t.Errorf("%+v", ext)
		}
		if _, err := w.Identify(t.Context(), home, p); err == nil {
			t.Error("let in")
		}
	})
}
