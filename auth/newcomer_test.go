package auth_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

func email(address string, verified bool) func(*auth.External) {
	return func(e *auth.External) { e.Email, e.EmailVerified = address, verified }
}

func TestANewcomerGetsAnAccount(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			w, _, e := replicas(t, b)
			w.group("staff")
			w.group("eng")
			w.SetProviders([]auth.Provider{corp(autoCreate, func(p *auth.Provider) { p.DefaultGroups = []string{"staff", "gone"} })}, e)
			s, info := w.through(atCorp("1", login("Zoe"), given("eng", "unknown"), email("zoe@example.com", true), func(x *auth.External) {
				x.DisplayName = "Zoë \u202eeoZ\x1b[31m\n" + strings.Repeat("x", 300)
			}))
			who := w.who(s)
			if who.User != "zoe" || info.Owner != "zoe" || who.Admin || fmt.Sprint(who.Groups) != "[eng staff]" || who.Email != "zoe@example.com" {
				t.Errorf("%+v", who)
			}
			if strings.ContainsAny(who.Name, "\x1b\n\u202e") || !strings.HasPrefix(who.Name, "Zoë eoZ[31m") || len([]rune(who.Name)) > auth.MaxDisplayName {
				t.Errorf("%q", who.Name)
			}
			u, err := w.Users.Get(t.Context(), w.admin, "zoe")
			if err != nil || u.Realm != "corp" || !u.InternalPasswordDisabled || u.Kind != auth.Person || !u.Enabled || u.Admin {
				t.Errorf("%+v, %v", u, err)
			}
			// The next time it is the same one, whatever it is called there.
			if again := w.who(first(w.through(atCorp("1", login("admin"), email("root@example.com", true))))); again.User != "zoe" || again.Email != "zoe@example.com" {
				t.Errorf("%+v", again)
			}
			if list, err := w.Bindings.List(t.Context(), w.admin, "zoe"); err != nil || len(list) != 1 {
				t.Errorf("%+v, %v", list, err)
			}
			wantCode(t, "a reset link", errOf(w.Passwords.ResetLink(t.Context(), w.admin, "zoe")), auth.Invalid)
			// Deleted by an administrator, the person is somebody new.
			must(t, w.Users.Delete(t.Context(), w.admin, "zoe"))
			if w.holds(s) {
				t.Error("the session of the deleted account goes on")
			}
			w.through(atCorp("1", login("zoe")))
			if w.holds(s) {
				t.Error("the session of the deleted account came back")
			}
		})
	}
}

func TestNamesOfNewcomers(t *testing.T) {
	kelvin := "mi\u212ae"
	for _, c := range []struct {
		there string // names of users, by spaces
		ext   func(*auth.External)
		want  string // "": refused
	}{
		{"", login("Zoe.B"), "zoe.b"},
		{"", email("zoe@example.com", true), "zoe"},
		{"", email("zoe@example.com", false), ""},
		{"", func(*auth.External) {}, ""},
		{"", func(e *auth.External) { e.DisplayName = "Zoe" }, ""},
		{"", login("zoe@example.com"), "zoe@example.com"},
		{"", login("zoë"), ""},
		{"", login(" zoe"), ""},
		{"", login("zoe b"), ""},
		{"", login("zoe\x00"), ""},
		{"", login("zoe\u200b"), ""},
		{"mike", login(kelvin), ""},
		{"bob", login("b\u043eb"), ""}, // Cyrillic
		{"", login("-rf"), ""},
		{"", login(".."), ""},
		{"", login("__token__"), ""},
		{"", login("job-github-main"), ""},
		{"", login(strings.Repeat("z", 65)), ""},
		{strings.Repeat("z", 62), login(strings.Repeat("z", 62)), ""},
		{"", login("admin"), "admin-corp"},
		{"", login("ROOT"), "root-corp"},
		{"", login("me"), "me-corp"},
		{"", login("ME"), "me-corp"},
		{"", login("latchkey"), "latchkey-corp"},
		{"", login("adm1n"), ""},
		{"", login("ad-min"), ""},
		{"", login("r00t"), ""},
		{"", login("admin@"), ""},
		{"", login("+root"), ""},
		{"", login("jobs"), "jobs"},
		{"", login("jobson.k"), "jobson.k"},
		{"alice", login("alice"), "alice-corp"},
		{"alice", login("Alice"), "alice-corp"},
		{"alice alice-corp", login("alice"), "alice-corp2"},
		{"alice alice-corp alice-corp2", login("alice"), "alice-corp3"},
		{"alice", login("al1ce"), ""},
		{"alice", login("a.lice"), ""},
		{"alice", login("al_ice-"), ""},
		{"alice", login("alice@"), ""},
		{"alice", login("a+lice"), ""},
		{"bob", login("b0b"), ""},
		{"b0b", login("bob"), ""},
		{"tim", login("tirn"), ""},
		{"tirn", login("tim"), ""},
		{"wendy", login("vvendy"), ""},
		{"ann.lee", login("annlee"), ""},
		{"alicecorp alice", login("alice"), ""},
		{"alice", login("alicia"), "alicia"},
		{"alice", login("alice2"), "alice2"},
	} {
		ext := atCorp("1", c.ext)
		t.Run(fmt.Sprintf("%.20q among %.20s", ext.Login+ext.Email, c.there), func(t *testing.T) {
			w := newWorld(t)
			w.elsewhere(corp(autoCreate))
			for _, name := range strings.Fields(c.there) {
				w.user(name)
			}
			before := w.RecordsOf(t.Context(), "user/")
			s, _, err := w.tryThrough(ext)
			if c.want == "" {
				wantCode(t, "refused", err, auth.Forbidden)
				if n := w.RecordsOf(t.Context(), "user/"); n != before {
					t.Errorf("%d users more", n-before)
				}
				if n := w.RecordsOf(t.Context(), "binding/") + w.RecordsOf(t.Context(), "session/"); n != 0 {
					t.Errorf("%d records of nobody", n)
				}
				return
			}
			must(t, err)
			if who := w.who(s); who.User != c.want {
				t.Errorf("%s, want %s", who.User, c.want)
			}
		})
	}
}

// However a provider spells that somebody has an address, or a name, which an
// account here has: it is never that account.
func TestNothingIsJoinedByAddressOrName(t *testing.T) {
	spellings := []string{
		"alice@example.com", "ALICE@EXAMPLE.COM", "Alice@Example.Com", "alice+x@example.com", "a.lice@example.com", "alice@example.com.",
		" alice@example.com", "alice@example.com\x00", "alice@ex\u0430mple.com", "\"alice\"@example.com", "<alice@example.com>",
		"alice@example.com,eve@evil.test", "alice@evil.test", "",
	}
	for _, create := range []bool{false, true} {
		w := newWorld(t)
		w.elsewhere(corp(func(p *auth.Provider) { p.AutoCreate = create }), ghe())
		w.user("alice", withPassword, asAdmin)
		w.link("alice", atGHE("alice"))
		for i, address := range spellings {
			for _, verified := range []bool{true, false} {
				for _, name := range []string{"alice", "Alice", "ALICE", "alice@example.com", "", "admin"} {
					for _, subject := range []string{fmt.Sprint(i, verified, name), "alice"} {
						s, info, err := w.tryThrough(atCorp(subject, login(name), email(address, verified)))
						if !create {
							wantCode(t, address, err, auth.NotFound)
							continue
						}
						if err != nil {
							if code := auth.CodeOf(err); code != auth.Forbidden {
								t.Fatalf("%q %q: %v", address, name, err)
							}
							continue
						}
						if who := w.who(s); who.User == "alice" || info.Owner == "alice" || who.Admin {
							t.Fatalf("%q %v %q: signed in as %s", address, verified, name, who.User)
						}
					}
				}
			}
		}
		if list, err := w.Bindings.List(t.Context(), w.admin, "alice"); err != nil || len(list) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
		if list, err := w.Sessions.List(t.Context(), w.admin, "alice"); err != nil || len(list) != 1 { // the one that linked
			t.Errorf("%+v, %v", list, err)
		}
	}
}

// However many come first at once, an identity is one account, and names that
// are read as one are not two people's.
func TestFirstSignInsAtOnce(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			w, second, e := replicas(t, b)
			for _, r := range []*world{w, second} {
				r.SetProviders([]auth.Provider{corp(autoCreate)}, e)
			}
			race := func(exts []auth.External) (owners map[string]int, refused int) {
				var racers sync.WaitGroup
				var mu sync.Mutex
				owners = map[string]int{}
				for i, ext := range exts {
					racers.Go(func() {
						_, info, err := []*world{w, second}[i%2].tryThrough(ext)
						mu.Lock()
						defer mu.Unlock()
						switch auth.CodeOf(err) {
						case "":
							owners[info.Owner]++
						case auth.Forbidden:
							refused++
						default:
							t.Error(err)
						}
					})
				}
				racers.Wait()
				return owners, refused
			}
			same := make([]auth.External, 12)
			for i := range same {
				same[i] = atCorp("1", login("zoe"))
			}
			if owners, refused := race(same); len(owners) != 1 || owners["zoe"] != 12 || refused > 0 {
				t.Errorf("one identity is %v, %d refused", owners, refused)
			}
			var alike []auth.External
			for i, name := range []string{"bill", "bi11", "b1ll", "b.ill", "b_i_l_l", "blll"} {
				alike = append(alike, atCorp(fmt.Sprint("bill", i), login(name)))
			}
			if owners, refused := race(alike); len(owners) != 1 || refused != 5 {
				t.Errorf("%v, %d refused", owners, refused)
			}
			var equal []auth.External
			for i := range 4 {
				equal = append(equal, atCorp(fmt.Sprint("eve", i), login("eve")))
			}
			if owners, _ := race(equal); fmt.Sprint(owners) != "map[eve:1 eve-corp:1 eve-corp2:1 eve-corp3:1]" {
				t.Errorf("%v", owners)
			}
		})
	}
}

// Nobody who comes from elsewhere takes the name of a job's service account,
// which begins with job-, whatever their login and the provider are called.
func TestNewcomersTakeNoNamesOfJobs(t *testing.T) {
	w := newWorld(t)
	w.elsewhere(corp(autoCreate, func(p *auth.Provider) { p.Name = "ci-main" }))
	for i, name := range []string{"job", "JOB", "job-x", "job-", "j0b", "j0b-ci-main", "job_ci_main", "job.ci.main", "job@ci", "job+ci"} {
		ext := atCorp(fmt.Sprint(i), login(name))
		ext.Provider = "ci-main"
		if _, info, err := w.tryThrough(ext); err == nil {
			t.Errorf("%s is called %s", name, info.Owner)
		}
	}
}

// Who comes first reads the users' names once, however many of their own are
// taken, and so does who is refused for it each time.
func TestANewcomerReadsTheNamesOnce(t *testing.T) {
	c := storetest.NewClock()
	store := storetest.NewFaulty(storetest.NewMemory(c.Now))
	w := worldOver(t, store, c)
	w.elsewhere(corp(autoCreate))
	for i := range 22 {
		before := len(store.Calls())
		_, _, err := w.tryThrough(atCorp(fmt.Sprint(i), login("zoe")))
		if got := auth.CodeOf(err); got != "" && (i < 21 || got != auth.Forbidden) {
			t.Error(err)
		}
		read := map[string]int{}
		for _, call := range store.Calls()[before:] {
			if call.Op == storetest.OpGet && strings.HasPrefix(call.Key, "users/") {
				read[call.Key]++
			}
		}
		for key, n := range read {
			if n > 3 { // and to put the new one there, twice
				t.Errorf("the %dth of a name reads %s %d times", i+1, key, n)
			}
		}
	}
}
