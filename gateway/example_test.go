package gateway_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// A program of its own puts authentication in front of its handler: nobody
// gets to it without a credential, and it knows who asks.
func ExampleMiddleware() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "latchkey")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	// A real program opens keystore/bolt or keystore/redis here.
	store := storetest.NewMemory(time.Now)
	defer store.Close()
	ring, _, err := auth.OpenRing(ctx, store, filepath.Join(dir, "master.key"))
	if err != nil {
		panic(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	authority, err := auth.New(ctx, auth.Config{Store: store, Ring: ring, Log: quiet})
	if err != nil {
		panic(err)
	}
	defer authority.Close()

	protect, err := gateway.Middleware(gateway.MiddlewareConfig{
		Auth:      authority,
		PublicURL: &url.URL{Scheme: "http", Host: "127.0.0.1:8080"},
		Log:       quiet,
	})
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, _ := gateway.IdentityFrom(r.Context())
		fmt.Fprintf(w, "hello %s", who.User)
	})))
	defer server.Close()

	key := firstKey(ctx, authority)
	fmt.Println(get(server.URL, ""))
	fmt.Println(get(server.URL, key.Reveal()))
	// Output:
	// 401
	// 200 hello admin
}

// firstKey makes the first administrator and an API key for them.
func firstKey(ctx context.Context, a *auth.Authority) auth.Secret {
	var password auth.Secret
	if _, err := a.Bootstrap(ctx, func(s auth.Secret) error { password = s; return nil }); err != nil {
		panic(err)
	}
	peer := auth.Peer{Addr: netip.MustParseAddr("127.0.0.1"), Door: "http"}
	admin, err := a.Identify(ctx, peer, auth.Password{User: "admin", Secret: password})
	if err != nil {
		panic(err)
	}
	key, err := a.Keys.Create(ctx, admin, admin.User)
	if err != nil {
		panic(err)
	}
	return key.Secret
}

func get(address, key string) string {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		panic(err)
	}
	if key != "" {
		r.Header.Set("X-JFrog-Art-Api", key)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Sprint(resp.StatusCode)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, body)
}
