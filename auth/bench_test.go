package auth_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/seal"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/bolt"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// manyEnv names how many credentials BenchmarkIdentifyAmongMany has besides a
// thousand: writing a million takes half a minute, so it is asked for.
const manyEnv = "LATCHKEY_BENCH_CREDENTIALS"

type benched struct {
	name  string
	proof auth.Proof
}

// proofs of every kind of one user.
func proofs(b *testing.B, w *world) []benched {
	b.Helper()
	w.user("alice", withPassword)
	session, _ := w.session("alice", true)
	who := w.who(session)
	tok := w.token(who, auth.NewToken{Reference: true})
	ssh, _ := w.sshKey(who, "alice", time.Time{})
	return []benched{
		{"api-key", w.apiKey(who, "alice")}, {"jwt", bearer(tok.JWT)}, {"reference", bearer(tok.Reference)}, {"session", session},
		{"password", password("alice")}, {"ssh-key", ssh},
		{"grant", w.grant(w.who(ssh), auth.Grant{Route: "lfs", Repo: "a", Op: auth.Read, Life: time.Hour})},
	}
}

func benchStores(b *testing.B) map[string]func(b *testing.B) keystore.Store {
	return map[string]func(b *testing.B) keystore.Store{
		"memory": func(b *testing.B) keystore.Store { return storetest.NewMemory(nil) },
		"bolt": func(b *testing.B) keystore.Store {
			s, err := bolt.Open(b.Context(), bolt.Config{Path: filepath.Join(b.TempDir(), "latchkey.db")})
			must(b, err)
			b.Cleanup(func() { s.Close() })
			return s
		},
		"redis": func(b *testing.B) keystore.Store {
			s, _ := redisStore(b, storetest.Redis(b))
			return s
		},
	}
}

// BenchmarkIdentify, warm: the answer is kept; cold: nothing is, as if every
// record had just changed, but a password need not be hashed again.
func BenchmarkIdentify(b *testing.B) {
	for _, store := range []string{"memory", "bolt", "redis"} {
		b.Run(store, func(b *testing.B) {
			w := worldOver(b, benchStores(b)[store](b), &runningClock{})
			for _, p := range proofs(b, w) {
				b.Run(p.name+"/warm", func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						w.who(p.proof)
					}
				})
				b.Run(p.name+"/cold", func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						w.SetPolicy(auth.Policy{})
						w.who(p.proof)
					}
				})
			}
		})
	}
}

// BenchmarkIdentifyParallel is one key from all cores.
func BenchmarkIdentifyParallel(b *testing.B) {
	w := worldOver(b, storetest.NewMemory(nil), &runningClock{})
	all := proofs(b, w)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := w.Identify(b.Context(), home, all[0].proof); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkRefuse is what a wrong secret costs: none of the form, one of the
// form, and a password that was wrong before.
func BenchmarkRefuse(b *testing.B) {
	w := worldOver(b, storetest.NewMemory(nil), &runningClock{})
	w.user("alice", withPassword)
	for _, p := range []benched{
		{"misspelt-key", auth.APIKey{Secret: auth.NewSecret(auth.NewAPIKeyText()[:72] + "0")}},
		{"unknown-key", auth.APIKey{Secret: auth.NewSecret(auth.NewAPIKeyText())}},
		{"same-wrong-password", guess("alice", 1)},
	} {
		b.Run(p.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.Identify(b.Context(), home, p.proof); err == nil {
					b.Fatal("let in")
				}
			}
		})
	}
}

// BenchmarkIdentifyAmongMany uses a thousand keys in turn, where the store
// holds a thousand or as many as manyEnv says.
func BenchmarkIdentifyAmongMany(b *testing.B) {
	sizes := []int{1000}
	if n, err := strconv.Atoi(os.Getenv(manyEnv)); err == nil {
		sizes = append(sizes, n)
	}
	const used = 1000
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "latchkey.db")
			keys := fillBolt(b, path, n, used)
			s, err := bolt.Open(b.Context(), bolt.Config{Path: path})
			must(b, err)
			b.Cleanup(func() { s.Close() })
			w := worldOver(b, s, &runningClock{})
			for _, state := range []string{"warm", "cold"} {
				b.Run(state, func(b *testing.B) {
					b.ReportAllocs()
					i := 0
					for b.Loop() {
						if state == "cold" && i%used == 0 {
							w.SetPolicy(auth.Policy{})
						}
						w.who(keys[i%used])
						i++
					}
				})
			}
		})
	}
}

// fillBolt makes one user's records through an Authority in memory and writes
// n copies of them under other keys straight into a file, without syncing.
func fillBolt(b *testing.B, path string, n, used int) []auth.APIKey {
	b.Helper()
	w := worldOver(b, storetest.NewMemory(nil), &runningClock{})
	w.user("alice")
	w.apiKey(w.admin, "alice")
	var cred keystore.Item
	empty, err := bolt.Open(b.Context(), bolt.Config{Path: path})
	must(b, err)
	for item, err := range w.store.List(b.Context(), "") {
		must(b, err)
		if len(item.Key) > 5 && item.Key[:5] == "cred/" {
			cred = item
			continue
		}
		must(b, empty.Create(b.Context(), item))
	}
	must(b, empty.Close())
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true, NoFreelistSync: true})
	must(b, err)
	var keys []auth.APIKey
	const batch = 50_000
	for i := 0; i < n; {
		must(b, db.Update(func(tx *bbolt.Tx) error {
			bucket := tx.Bucket([]byte("items"))
			for range min(batch, n-i) {
				text := auth.NewAPIKeyText()
				if i < used {
					keys = append(keys, auth.APIKey{Secret: auth.NewSecret(text)})
				}
				cred.Key = "cred/" + w.LookupAPIKey(text)
				if err := bucket.Put([]byte(cred.Key), cred.Encode()); err != nil {
					return err
				}
				i++
			}
			return nil
		}))
	}
	must(b, db.Sync())
	must(b, db.Close())
	return keys
}

// BenchmarkTokens is what it costs to make and to renew a token, beside the
// RSA signature that each of them holds.
func BenchmarkTokens(b *testing.B) {
	for _, store := range []string{"memory", "bolt", "redis"} {
		b.Run(store, func(b *testing.B) {
			w := worldOver(b, benchStores(b)[store](b), &runningClock{})
			w.user("alice", withPassword)
			alice := w.who(password("alice"))
			b.Run("signature", func(b *testing.B) {
				for b.Loop() {
					if _, err := w.ring.SignJWT(seal.Access, "JWT", map[string]any{"jti": "x"}); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("create", func(b *testing.B) {
				for b.Loop() {
					tok := w.token(alice, auth.NewToken{Life: time.Hour})
					b.StopTimer()
					must(b, w.Tokens.Revoke(b.Context(), w.admin, tok.ID))
					b.StartTimer()
				}
			})
			b.Run("refresh", func(b *testing.B) {
				tok := w.token(alice, auth.NewToken{Life: time.Hour, Refreshable: true})
				for b.Loop() {
					tok = w.renewed(tok.Refresh)
				}
			})
		})
	}
}
