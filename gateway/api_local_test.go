package gateway_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/gateway"
)

// TestSocketsRows answers what is for the daemon's own machine alone, to the
// administrator whom the kernel vouches for.
func TestSocketsRows(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	public, err := url.Parse(h.origin)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(gateway.Config{Auth: h.auth, Log: slog.New(slog.NewTextHandler(h.log, nil)), PublicURL: public, Machine: machine{h}})
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/s"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := g.LocalServer()
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		server.Shutdown(ctx)
		g.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	t.Cleanup(client.CloseIdleConnections)
	ask := func(method, path, body string) (int, string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+v1+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	if status, body := ask("GET", "/whoami", ""); status != http.StatusOK || !strings.Contains(body, `"kind":"local"`) || !strings.Contains(body, `"admin":true`) {
		t.Errorf("whoami: %d %s", status, body)
	}
	if status, body := ask("POST", "/lfs/fsck", `{"repair":false}`); status != http.StatusOK || !strings.Contains(body, `"objects":0`) {
		t.Errorf("fsck: %d %s", status, body)
	}
	if status, body := ask("GET", "/ssh/known-hosts", ""); status != http.StatusOK || !strings.Contains(body, "ssh-ed25519") {
		t.Errorf("known hosts: %d %s", status, body)
	}
	if status, body := ask("POST", "/master-key/rotate", `{}`); status != http.StatusNoContent {
		t.Errorf("master key: %d %s", status, body)
	}
	if status, body := ask("POST", "/users", `{"name":"bob","email":"bob@example.com"}`); status != http.StatusCreated {
		t.Errorf("user: %d %s", status, body)
	}
	if status, body := ask("GET", "/audit/verify", ""); status != http.StatusOK {
		t.Errorf("audit: %d %s", status, body)
	}
}
