package auth_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// A credential makes only what it is itself: the model keeps, for each
// credential that a random walk makes, what its maker could do at that moment,
// and asks after each step whether the made one can do more, outlives it, or
// lives though an ancestor is dead.

const (
	walks     = 320
	walkSteps = 20
)

// cast is the store from which every walk begins: alice, and bob who is an
// administrator, each with all that stands for the person.
type cast struct {
	store keystore.Store
	at    time.Time
	roots []*made
}

// made is a credential of the model.
type made struct {
	name   string
	user   string
	proofs []auth.Proof
	who    auth.Identity // for a password, which costs a hash to prove
	id     string        // of a token, SSH key or session
	kind   auth.Kind

	maker  *made     // with whose end it ends
	limit  string    // what the maker could do when it was made; empty: anything
	ends   time.Time // not later; zero: never
	killed bool      // was seen dead
}

var oneCast = sync.OnceValue(func() *cast {
	c := storetest.NewClock()
	w := worldOver(builder{}, storetest.NewMemory(c.Now), c)
	defer w.Close()
	w.group("readers")
	w.group("writers")
	out := &cast{store: w.store, at: c.Now()}
	for _, name := range []string{"alice", "bob"} {
		w.user(name, withPassword, func(n *auth.NewUser) {
			n.Groups, n.Admin = []string{"readers", "writers"}, name == "bob"
		})
		root := func(kind auth.Kind, p auth.Proof, id string) {
			out.roots = append(out.roots, &made{name: name + " " + string(kind), user: name, kind: kind, proofs: []auth.Proof{p}, id: id})
		}
		person := w.who(password(name))
		out.roots = append(out.roots, &made{name: name + " password", user: name, kind: auth.KindPassword, who: person})
		encrypted, err := w.Passwords.Encrypted(w.t.Context(), person)
		must(w.t, err)
		root(auth.KindEncryptedPassword, auth.EncryptedPassword{User: name, Secret: encrypted}, "")
		for _, unlocked := range []bool{true, false} {
			p, info := w.session(name, unlocked)
			root(auth.KindSession, p, info.ID)
		}
		key, info := w.sshKey(w.admin, name, time.Time{})
		root(auth.KindSSHKey, key, info.ID)
	}
	out.roots = append(out.roots, &made{name: "socket", kind: auth.KindLocal, who: w.admin})
	return out
})

var (
	sampleRoutes = func() []auth.Route {
		rules := func(texts ...string) auth.Rules {
			r, err := auth.ParseRules(texts)
			if err != nil {
				panic(err)
			}
			return r
		}
		return []auth.Route{
			{Name: "lfs", Repositories: true, Read: rules("group:readers"), Write: rules("group:writers")},
			{Name: "drop", Repositories: true, Read: rules("group:writers"), Write: rules("group:readers")},
			{Name: "web", Read: rules("authenticated"), Write: rules("user:alice", "user:bob")},
			{Name: "ops", Repositories: true, Read: rules("admin"), Write: rules("admin")},
		}
	}()
	sampleRepos  = []string{"team/a", "team/b", "x"}
	sampleScopes = []string{
		"", "applied-permissions/user", "applied-permissions/admin", "applied-permissions/groups:readers",
		"applied-permissions/groups:readers,writers", "artifact:lfs:r,w", "artifact:lfs/team/**:r", "artifact:team/a:*",
		"artifact:team/*:r,w,d", "artifact:drop/team/a:w", "artifact:**:r", "artifact:x:r applied-permissions/groups:writers",
		"system:metrics:r", "artifact:ops:r,w", "artifact:*/x:r artifact:drop:w,r",
	}
	sampleLives = []time.Duration{0, 5 * time.Minute, time.Hour, 720 * time.Hour, auth.Endless}
)

// walk is one sequence.
type walk struct {
	*world
	r   *rand.Rand
	all []*made
	log []string
}

// find identifies m, if it is good.
func (k *walk) find(m *made) (auth.Identity, bool) {
	if len(m.proofs) == 0 {
		return m.who, true
	}
	p := m.proofs[k.r.IntN(len(m.proofs))]
	who, err := k.Identify(k.t.Context(), home, p)
	if err != nil && auth.CodeOf(err) != auth.Unauthenticated && auth.CodeOf(err) != auth.Repeated {
		k.t.Fatalf("identify %s: %v", m.name, err)
	}
	return who, err == nil
}

// rights answers every sample question for who with 1 or 0. Those that reach
// into the store come last, and are asked where deep is set.
func (k *walk) rights(who auth.Identity, user string, deep bool) string {
	var b strings.Builder
	say := func(yes bool) {
		if yes {
			b.WriteByte('1')
		} else {
			b.WriteByte('0')
		}
	}
	for _, route := range sampleRoutes {
		for _, op := range []auth.Op{auth.Read, auth.Write, auth.Delete} {
			say(auth.Allow(who, route, "", op) == nil)
			for _, repo := range sampleRepos {
				if route.Repositories {
					say(auth.Allow(who, route, repo, op) == nil)
				}
			}
		}
	}
	say(who.Admin)
	say(who.InGroup("readers"))
	say(who.InGroup("writers"))
	if !deep {
		return b.String()
	}
	may := func(err error) {
		code := auth.CodeOf(err)
		say(code != auth.Forbidden && code != auth.Locked)
	}
	ctx := k.t.Context()
	may(errOf(k.Keys.Show(ctx, who, user)))
	may(errOf(k.SSHKeys.Create(ctx, who, auth.NewSSHKey{Owner: user, Line: "no key"})))
	may(errOf(k.Passwords.Encrypted(ctx, who)))
	may(errOf(k.Groups.Get(ctx, who, "readers")))
	may(k.Users.Enable(ctx, who, "nobody"))
	may(errOf(k.Users.Get(ctx, who, user)))
	may(errOf(k.Tokens.List(ctx, who, user)))
	return b.String()
}

func within(rights, limit string) bool {
	for i := range min(len(rights), len(limit)) {
		if rights[i] == '1' && limit[i] == '0' {
			return false
		}
	}
	return true
}

// step lets one random credential do one random thing.
func (k *walk) step(n int) {
	m := k.all[k.r.IntN(len(k.all))]
	who, ok := k.find(m)
	if !ok {
		return
	}
	ctx, now := k.t.Context(), k.clock.Now()
	owner := m.user
	if who.Admin && k.r.IntN(3) == 0 || owner == "" {
		owner = []string{"alice", "bob"}[k.r.IntN(2)]
	}
	full := who.Full(now)
	child := &made{user: owner, name: fmt.Sprintf("%d", n)}
	if who.User == owner {
		child.limit = k.rights(who, owner, true)
	}
	if !full {
		child.ends = who.Expires
	}
	if who.User == owner && m.kind != auth.KindLocal && !(m.kind == auth.KindSession && full) {
		child.maker = m
	}
	var err error
	var what string
	switch k.r.IntN(12) {
	case 0, 1, 2:
		wish := auth.NewToken{
			Owner: owner, Scope: sampleScopes[k.r.IntN(len(sampleScopes))],
			Life: sampleLives[k.r.IntN(len(sampleLives))], Reference: k.r.IntN(2) == 0,
		}
		what = fmt.Sprintf("token %q %v for %s", wish.Scope, wish.Life, owner)
		var tok auth.Token
		tok, err = k.Tokens.Create(ctx, who, wish)
		child.token(tok)
	case 3, 4:
		route := sampleRoutes[k.r.IntN(2)]
		repo := sampleRepos[k.r.IntN(len(sampleRepos))]
		op := []auth.Op{auth.Read, auth.Write}[k.r.IntN(2)]
		what = fmt.Sprintf("grant %c on %s/%s", op, route.Name, repo)
		if err = auth.Allow(who, route, repo, op); err != nil {
			break
		}
		var secret auth.Secret
		secret, _, err = k.Tokens.Grant(ctx, who, auth.Grant{Route: route.Name, Repo: repo, Op: op, Life: time.Hour})
		child.kind, child.proofs, child.user, child.maker = auth.KindGrant, []auth.Proof{bearer(secret)}, m.user, m
		child.limit = k.rights(who, m.user, true)
		if m.kind == auth.KindPassword || m.kind == auth.KindEncryptedPassword {
			child.maker = nil
		}
	case 5:
		wish := auth.NewSSHKey{Owner: owner, Line: line(newSSHKey(k.t))}
		if life := sampleLives[k.r.IntN(len(sampleLives))]; life > 0 {
			wish.Expires = now.Add(life)
		}
		what = fmt.Sprintf("SSH key until %v for %s", wish.Expires, owner)
		var info auth.SSHKeyInfo
		info, err = k.SSHKeys.Create(ctx, who, wish)
		key, _, parseErr := auth.ParseSSHKey(wish.Line)
		must(k.t, parseErr)
		child.kind, child.proofs, child.id = auth.KindSSHKey, []auth.Proof{auth.SSHKey{Key: key}}, info.ID
	case 6:
		what = "API key for " + owner
		var key auth.Key
		key, err = k.Keys.Create(ctx, who, owner)
		child.kind, child.proofs = auth.KindAPIKey, []auth.Proof{auth.APIKey{Secret: key.Secret}}
	case 7:
		what = "rotate the API key of " + owner
		var key auth.Key
		key, err = k.Keys.Rotate(ctx, who, owner)
		child.kind, child.proofs = auth.KindAPIKey, []auth.Proof{auth.APIKey{Secret: key.Secret}}
	case 8:
		what = "client token"
		var secret auth.Secret
		secret, _, err = k.Tokens.ForClient(ctx, who)
		child.kind, child.proofs = auth.KindToken, []auth.Proof{bearer(secret)}
		child.user = m.user
		if m.kind == auth.KindLocal {
			child.limit = ""
		} else if child.limit == "" {
			child.limit = k.rights(who, m.user, true)
		}
		if m.kind != auth.KindLocal && !(m.kind == auth.KindSession && full) {
			child.maker = m
		}
	case 9:
		of := k.all[k.r.IntN(len(k.all))]
		if of.kind != auth.KindToken || of.id == "" {
			return
		}
		what = "rotate " + of.name
		child.user = of.user
		if who.User != of.user {
			child.maker, child.limit = nil, ""
		} else {
			child.limit = k.rights(who, of.user, true)
			if m.kind != auth.KindLocal && !(m.kind == auth.KindSession && full) {
				child.maker = m
			}
		}
		var tok auth.Token
		tok, err = k.Tokens.Rotate(ctx, who, of.id)
		child.token(tok)
		if err == nil {
			if _, still := k.find(of); still {
				k.t.Fatalf("%s was rotated and still works", of.name)
			}
			if _, alive := k.find(child); !alive {
				k.t.Fatalf("%s was rotated by %s into a token that is dead", of.name, m.name)
			}
		}
	case 10:
		of := k.all[k.r.IntN(len(k.all))]
		what = "revoke " + of.name
		if err = k.revoke(who, of); err == nil {
			if _, still := k.find(of); still {
				k.t.Fatalf("%s was revoked by %s and still works", of.name, m.name)
			}
		}
		child = nil
	case 11:
		d := time.Duration(k.r.Int64N(int64(20 * time.Minute)))
		what = "wait " + d.String()
		k.clock.Advance(d)
		child = nil
	}
	k.log = append(k.log, fmt.Sprintf("%d: %s: %s: %v", n, m.name, what, err))
	switch code := auth.CodeOf(err); code {
	case "":
		if child != nil {
			child.name = fmt.Sprintf("%d (%s of %s by %s)", n, child.kind, child.user, m.name)
			k.all = append(k.all, child)
		}
	case auth.Internal, auth.Unavailable:
		k.t.Fatalf("%s by %s: %v", what, m.name, err)
	}
}

func (m *made) token(t auth.Token) {
	m.kind, m.id, m.proofs = auth.KindToken, t.ID, []auth.Proof{bearer(t.JWT)}
	if !t.Reference.Empty() {
		m.proofs = append(m.proofs, bearer(t.Reference))
	}
}

func (k *walk) revoke(who auth.Identity, of *made) error {
	ctx := k.t.Context()
	switch of.kind {
	case auth.KindToken:
		return k.Tokens.Revoke(ctx, who, of.id)
	case auth.KindSSHKey:
		return k.SSHKeys.Delete(ctx, who, of.id)
	case auth.KindSession:
		return k.Sessions.Revoke(ctx, who, of.id)
	case auth.KindAPIKey:
		if _, alive := k.find(of); alive {
			return k.Keys.Revoke(ctx, who, of.user)
		}
	case auth.KindGrant:
		if found, alive := k.find(of); alive {
			return k.Tokens.Revoke(ctx, who, found.Via.ID)
		}
	}
	return &auth.Error{Code: auth.NotFound}
}

// check asks the invariant of every credential.
func (k *walk) check(deep bool) {
	for _, m := range k.all {
		who, alive := k.find(m)
		if !alive {
			m.killed = true
			continue
		}
		if m.killed {
			k.t.Fatalf("%s has come back to life", m.name)
		}
		if who.User != m.user && m.kind != auth.KindLocal {
			k.t.Fatalf("%s is of %s", m.name, who.User)
		}
		if m.maker != nil && m.maker.killed {
			k.t.Fatalf("%s lives, and %s, which made it, is dead", m.name, m.maker.name)
		}
		if !m.ends.IsZero() && (who.Expires.IsZero() || who.Expires.After(m.ends)) {
			k.t.Fatalf("%s ends %v, and its maker %v", m.name, who.Expires, m.ends)
		}
		if m.limit != "" {
			if now := k.rights(who, m.user, deep); !within(now, m.limit) {
				k.t.Fatalf("%s may\n%s and its maker could\n%s", m.name, now, m.limit)
			}
		}
	}
}

// listed checks that owners see all that lives.
func (k *walk) listed() {
	seen := map[string]bool{}
	ctx := k.t.Context()
	for _, user := range []string{"alice", "bob"} {
		tokens, err := k.Tokens.List(ctx, k.admin, user)
		must(k.t, err)
		for _, t := range tokens {
			seen[t.ID] = true
		}
		keys, err := k.SSHKeys.List(ctx, k.admin, user)
		must(k.t, err)
		for _, key := range keys {
			seen[key.ID] = true
		}
		sessions, err := k.Sessions.List(ctx, k.admin, user)
		must(k.t, err)
		for _, s := range sessions {
			seen[s.ID] = true
		}
	}
	for _, m := range k.all {
		if _, alive := k.find(m); alive && m.id != "" && !seen[m.id] {
			k.t.Fatalf("%s lives and is on no list", m.name)
		} else if !alive && seen[m.id] {
			k.t.Fatalf("%s is listed and dead", m.name)
		}
	}
}

func TestNothingMadeExceedsItsMaker(t *testing.T) {
	from := oneCast()
	first := rand.Uint64()
	for i := range uint64(walks) {
		seed := first + i
		walkOnce(t, from, seed)
		if t.Failed() {
			return
		}
	}
}

func walkOnce(t *testing.T, from *cast, seed uint64) {
	c := storetest.NewClock()
	c.Advance(from.at.Sub(c.Now()))
	store := storetest.NewMemory(c.Now)
	copyStore(t, from.store, store)
	k := &walk{world: worldOver(t, store, c), r: rand.New(rand.NewPCG(seed, 1))}
	defer k.Close()
	defer func() {
		if t.Failed() {
			t.Logf("seed %d:\n%s", seed, strings.Join(k.log, "\n"))
		}
	}()
	for _, root := range from.roots {
		copied := *root
		k.all = append(k.all, &copied)
	}
	for n := range walkSteps {
		k.step(n)
		k.check(n%6 == 5)
	}
	k.listed()
}
