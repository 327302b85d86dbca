package auth_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// midway is a store that does something once, before its n-th operation.
type midway struct {
	keystore.Store
	mu   sync.Mutex
	left int // operations until then; 0: nothing is to be done
	do   func()
}

func (m *midway) tick() {
	m.mu.Lock()
	var do func()
	if m.left > 0 {
		if m.left--; m.left == 0 {
			do = m.do
		}
	}
	m.mu.Unlock()
	if do != nil {
		do()
	}
}

func (m *midway) Get(ctx context.Context, key string) (keystore.Item, error) {
	m.tick()
	return m.Store.Get(ctx, key)
}

func (m *midway) Create(ctx context.Context, item keystore.Item) error {
	m.tick()
	return m.Store.Create(ctx, item)
}

func (m *midway) Replace(ctx context.Context, old, next keystore.Item) error {
	m.tick()
	return m.Store.Replace(ctx, old, next)
}

func (m *midway) Delete(ctx context.Context, key string) error {
	m.tick()
	return m.Store.Delete(ctx, key)
}

// Whatever ends a credential at whatever moment of its being renewed or made:
// once both are over, nothing of it works and nothing can be renewed.
func TestEndedWhileItIsMade(t *testing.T) {
	type scene struct {
		*world
		first auth.Token // refreshable, made with the API key
		key   auth.APIKey
	}
	makes := map[string]func(s *scene) (auth.Token, error){
		"refresh": func(s *scene) (auth.Token, error) { return s.refresh(s.first.Refresh) },
		"refresh of a used one": func(s *scene) (auth.Token, error) {
			if _, err := s.refresh(s.first.Refresh); err != nil {
				return auth.Token{}, err
			}
			return s.refresh(s.first.Refresh)
		},
		"create": func(s *scene) (auth.Token, error) {
			who, err := s.Identify(s.t.Context(), home, s.key)
			if err != nil {
				return auth.Token{}, err
			}
			return s.Tokens.Create(s.t.Context(), who, auth.NewToken{Refreshable: true, Reference: true})
		},
		"short": func(s *scene) (auth.Token, error) {
			who, err := s.Identify(s.t.Context(), home, s.key)
			if err != nil {
				return auth.Token{}, err
			}
			secret, _, err := s.Tokens.Short(s.t.Context(), who)
			return auth.Token{JWT: secret}, err
		},
		"exchange": func(s *scene) (auth.Token, error) {
			return s.Tokens.Exchange(s.t.Context(), home, auth.JobRequest{Token: auth.NewSecret("job"), Reference: true})
		},
		"rotate": func(s *scene) (auth.Token, error) { return s.Tokens.Rotate(s.t.Context(), s.admin, s.first.ID) },
	}
	all := func(string) bool { return true }
	ends := map[string]struct {
		end  func(s *scene) error
		what func(made string) bool // it ends
	}{
		"disable": {func(s *scene) error { return s.Users.Disable(context.Background(), s.admin, "alice") }, all},
		"delete":  {func(s *scene) error { return s.Users.Delete(context.Background(), s.admin, "alice") }, all},
		"delete and make again": {func(s *scene) error {
			if err := s.Users.Delete(context.Background(), s.admin, "alice"); err != nil {
				return err
			}
			_, err := s.Users.Create(context.Background(), s.admin, auth.NewUser{Name: "alice", Email: "a@example.com"})
			return err
		}, func(made string) bool { return made != "exchange" && made != "rotate" }},
		"disable and enable": {func(s *scene) error {
			if err := s.Users.Disable(context.Background(), s.admin, "alice"); err != nil {
				return err
			}
			return s.Users.Enable(context.Background(), s.admin, "alice")
		}, func(made string) bool {
			return made != "exchange" && made != "rotate" && made != "create" && made != "short"
		}},
		"revoke the key": {func(s *scene) error { return s.Keys.Revoke(context.Background(), s.admin, "alice") },
			func(made string) bool { return made != "exchange" && made != "rotate" }},
		"revoke all keys": {func(s *scene) error { return s.Keys.RevokeAll(context.Background(), s.admin) },
			func(made string) bool { return made != "exchange" && made != "rotate" }},
		"revoke by id": {func(s *scene) error { return s.Tokens.Revoke(context.Background(), s.admin, s.first.ID) },
			func(made string) bool { return made == "refresh" || made == "refresh of a used one" }},
		"revoke by refresh token": {func(s *scene) error {
			id, err := s.Tokens.Lookup(context.Background(), s.first.Refresh)
			if err != nil {
				return err
			}
			return s.Tokens.Revoke(context.Background(), s.admin, id)
		}, func(made string) bool { return made == "refresh" || made == "refresh of a used one" }},
	}
	for made, do := range makes {
		for ended, e := range ends {
			if !e.what(made) {
				continue
			}
			t.Run(made+"/"+ended, func(t *testing.T) {
				for n := 1; ; n++ {
					c := storetest.NewClock()
					m := &midway{Store: storetest.NewMemory(c.Now)}
					s := &scene{world: worldOver(t, m, c)}
					s.user("alice")
					s.key = s.apiKey(s.admin, "alice")
					s.first = s.token(s.who(s.key), auth.NewToken{Life: time.Hour, Refreshable: true, Reference: true})
					s.SetJobs(&desk{job: auth.Job{Provider: "ci", Mapping: "m", User: "alice", Life: time.Hour}})
					var err error
					m.mu.Lock()
					m.left, m.do = n, func() { err = e.end(s) }
					m.mu.Unlock()
					tok, _ := do(s)
					m.mu.Lock()
					over := m.left > 0
					m.left = 0
					m.mu.Unlock()
					if over {
						return
					}
					if err != nil {
						t.Errorf("before operation %d: not ended: %v", n, err)
						continue
					}
					for form, secret := range map[string]auth.Secret{
						"token": tok.JWT, "reference": tok.Reference, "the first": s.first.JWT, "its reference": s.first.Reference,
					} {
						if !secret.Empty() && s.holds(bearer(secret)) && (form == "token" || form == "reference" || made != "create" && made != "short") {
							t.Errorf("before operation %d: %s works", n, form)
						}
					}
					for form, secret := range map[string]auth.Secret{"made": tok.Refresh, "first": s.first.Refresh} {
						if secret.Empty() {
							continue
						}
						if again, err := s.refresh(secret); err == nil && s.holds(bearer(again.JWT)) {
							t.Errorf("before operation %d: the %s renews", n, form)
						}
					}
				}
			})
		}
	}
}
