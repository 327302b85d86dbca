package redis_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/redis"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

func config(t testing.TB, url string) redis.Config {
	t.Helper()
	c, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func open(t testing.TB, c redis.Config) *redis.Store {
	t.Helper()
	s, err := redis.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// apart gives every store of a shared server a prefix of its own, with
// everything in it that means something to a glob.
func apart(c redis.Config, now func() time.Time) redis.Config {
	c.Prefix = fmt.Sprintf(`t*?[a]\%d:`, rand.Uint32())
	c.Now = now
	return c
}

func TestStore(t *testing.T) {
	server := storetest.Redis(t)
	storetest.Run(t, func(t *testing.T, now func() time.Time) keystore.Store {
		return open(t, apart(config(t, server.URL), now))
	})
}

func TestStoreOnMiniredis(t *testing.T) {
	server := miniredis.RunT(t)
	storetest.Run(t, func(t *testing.T, now func() time.Time) keystore.Store {
		return open(t, apart(config(t, "redis://"+server.Addr()), now))
	})
}

func TestTwoProcessesAreOneStore(t *testing.T) {
	server := storetest.Redis(t)
	a, b := open(t, config(t, server.URL)), open(t, config(t, server.URL))
	w := storetest.NewWatcher(t, a)
	if err := b.Create(t.Context(), keystore.Item{Key: "k", Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	w.WaitKey(t, "k")
	if item, err := a.Get(t.Context(), "k"); err != nil || string(item.Value) != "v" {
		t.Errorf("got %+v, %v", item, err)
	}
	if err := a.Create(t.Context(), keystore.Item{Key: "k"}); !errors.Is(err, keystore.ErrExists) {
		t.Errorf("create: %v", err)
	}
}

func TestPrefixesAndDatabasesAreApart(t *testing.T) {
	server := storetest.Redis(t)
	a := open(t, config(t, server.URL))
	for _, url := range []string{server.URL + "?prefix=other:", server.URL + "/1", server.URL + "?prefix=latchkey"} {
		b := open(t, config(t, url))
		if err := b.Create(t.Context(), keystore.Item{Key: "k"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Get(t.Context(), "k"); !errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	for item, err := range a.List(t.Context(), "") {
		t.Errorf("listed %+v, %v", item, err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	const secret = "pa55-of-nobody"
	locked := storetest.Redis(t, "--requirepass", "right")
	plain := storetest.Redis(t)
	replica := storetest.Redis(t, "--replicaof", strings.Replace(plain.Addr, ":", " ", 1))
	frozen := storetest.Redis(t)
	frozen.Pause(t)
	gone := storetest.Redis(t)
	gone.Kill(t)
	for name, test := range map[string]struct{ addr, user, want string }{
		"nobody there":   {gone.Addr, "", "does not answer"},
		"frozen":         {frozen.Addr, "", "does not answer"},
		"no password":    {locked.Addr, "", "does not accept the user and password"},
		"wrong password": {locked.Addr, ":" + secret + "@", "does not accept the user and password"},
		"a replica":      {replica.Addr, "", "refuses to write"},
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			c := config(t, "redis://"+test.user+test.addr)
			_, err := redis.Open(t.Context(), c)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), test.addr) {
				t.Errorf("%v, want %q and %q", err, test.want, test.addr)
			}
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the password is in %v", err)
			}
		})
	}
	if s := open(t, config(t, "redis://:right@"+locked.Addr)); s == nil {
		t.Error("the right password was refused")
	}
}

func TestFullServerRefusesAndTellsNobody(t *testing.T) {
	server := storetest.Redis(t)
	s := open(t, config(t, server.URL))
	item := keystore.Item{Key: "k", Value: []byte("v")}
	if err := s.Create(t.Context(), item); err != nil {
		t.Fatal(err)
	}
	admin(t, server, "CONFIG", "SET", "maxmemory", "1")
	if err := s.Create(t.Context(), keystore.Item{Key: "new"}); err == nil {
		t.Error("created in a full server")
	}
	if err := s.Delete(t.Context(), "k"); err != nil {
		t.Errorf("a full server must still revoke: %v", err)
	}
	admin(t, server, "CONFIG", "SET", "maxmemory", "0")
	if _, err := s.Get(t.Context(), "new"); !errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
}

func TestServerForgetsScripts(t *testing.T) {
	server := storetest.Redis(t)
	s := open(t, config(t, server.URL))
	for i := range 3 {
		admin(t, server, "SCRIPT", "FLUSH")
		if err := s.Create(t.Context(), keystore.Item{Key: fmt.Sprint(i)}); err != nil {
			t.Error(err)
		}
	}
}

func TestSweepIsTheServers(t *testing.T) {
	server := storetest.Redis(t)
	s := open(t, config(t, server.URL))
	at := time.Now().Add(time.Hour)
	if err := s.Create(t.Context(), keystore.Item{Key: "k", Expires: at}); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(":%d", at.Add(keystore.SweepAfter).UnixMilli())
	if got := admin(t, server, "PEXPIRETIME", "latchkey:item/k"); got != want {
		t.Errorf("the key ends at %s, want %s", got, want)
	}
	old, err := s.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Replace(t.Context(), old, keystore.Item{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	if got := admin(t, server, "PEXPIRETIME", "latchkey:item/k"); got != ":-1" {
		t.Errorf("the key ends at %s, want never", got)
	}
}

func TestForeignBytesAreAnErrorAndStay(t *testing.T) {
	server := storetest.Redis(t)
	s := open(t, config(t, server.URL))
	admin(t, server, "SET", "latchkey:item/short", "x")
	admin(t, server, "LPUSH", "latchkey:item/list", "x")
	for _, key := range []string{"short", "list"} {
		if _, err := s.Get(t.Context(), key); err == nil || errors.Is(err, keystore.ErrNotFound) {
			t.Errorf("get %s: %v", key, err)
		}
		if err := s.Create(t.Context(), keystore.Item{Key: key}); err == nil || errors.Is(err, keystore.ErrExists) {
			t.Errorf("create %s: %v", key, err)
		}
		if err := s.Delete(t.Context(), key); err == nil || errors.Is(err, keystore.ErrNotFound) {
			t.Errorf("delete %s: %v", key, err)
		}
	}
	if got := admin(t, server, "GET", "latchkey:item/short"); got != "x" {
		t.Errorf("became %q", got)
	}
}

func TestDurability(t *testing.T) {
	server := storetest.Redis(t)
	s := open(t, config(t, server.URL))
	for _, test := range []struct {
		set  []string
		want string
	}{
		{[]string{"appendfsync", "always"}, ""},
		{[]string{"appendfsync", "everysec"}, ""},
		{[]string{"appendfsync", "no"}, "appendfsync is no"},
		{[]string{"appendonly", "no"}, "appendonly is no"},
		{[]string{"maxmemory-policy", "allkeys-lru"}, "maxmemory-policy is allkeys-lru"},
	} {
		admin(t, server, append([]string{"CONFIG", "SET"}, test.set...)...)
		got := s.Durability(t.Context())
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%v: %q, want %q", test.set, got, test.want)
		}
	}
	hidden := storetest.Redis(t, "--rename-command", "CONFIG", "")
	if got := open(t, config(t, hidden.URL)).Durability(t.Context()); !strings.Contains(got, "does not tell") {
		t.Errorf("forbidden: %q", got)
	}
}

func TestNothingPrintsThePassword(t *testing.T) {
	const secret = "pa55-of-nobody"
	c := config(t, "redis+sentinel://bob:"+secret+"@h1,h2/m/3?prefix=x:")
	c.SentinelPassword = secret
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("m", "config", c, "password", c.Password)
	out := log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		out += fmt.Sprintf(verb+verb+verb, c, &c, c.Password)
	}
	if strings.Contains(out, secret) || strings.Contains(strings.ToLower(out), fmt.Sprintf("%x", secret)) {
		t.Errorf("printed: %s", out)
	}
	if want := "redis+sentinel://h1:26379,h2:26379/m/3?prefix=x%3A"; c.String() != want {
		t.Errorf("%s, want %s", c, want)
	}
}
