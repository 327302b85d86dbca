package redis_test

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// A wire lies between a store and a server. While cut is set it delivers what
// the store says, and hangs up instead of delivering the answer.
type wire struct {
	addr string
	cut  atomic.Bool
	hung atomic.Int32 // connections hung up
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: l.Addr().String()}
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	t.Cleanup(func() { l.Close() })
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.DialTimeout("tcp", to, 5*time.Second)
			if err != nil {
				client.Close()
				continue
			}
			running.Go(func() {
				defer server.Close()
				_, _ = io.Copy(server, client)
			})
			running.Go(func() {
				defer client.Close()
				w.answers(client, server)
			})
		}
	})
	return w
}

func (w *wire) answers(client io.Writer, server io.Reader) {
	buf := make([]byte, 4096)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		if w.cut.Load() {
			w.hung.Add(1)
			return
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

func TestLostAnswerIsAnUnknownOutcomeAndNoSecondTry(t *testing.T) {
	server := storetest.Redis(t)
	w := newWire(t, server.Addr)
	s := open(t, config(t, "redis://"+w.addr))
	direct := open(t, config(t, server.URL))
	ctx := t.Context()
	known := []error{nil, keystore.ErrExists, keystore.ErrConflict, keystore.ErrNotFound, keystore.ErrClosed}
	lose := func(what string, call func() error) {
		t.Helper()
		feed := storetest.NewWatcher(t, direct)
		hung := w.hung.Load()
		w.cut.Store(true)
		err := call()
		w.cut.Store(false)
		for _, k := range known {
			if errors.Is(err, k) {
				t.Errorf("%s: %v, want an error that says nothing about the store", what, err)
			}
		}
		if n := w.hung.Load() - hung; n != 1 {
			t.Errorf("%s was sent %d times", what, n)
		}
		feed.WaitKey(t, "k")
	}
	// The server knows the scripts, so that each call is one message.
	warm := keystore.Item{Key: "warm"}
	for _, err := range []error{direct.Create(ctx, warm), direct.Replace(ctx, warm, warm), direct.Delete(ctx, "warm")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	first, second := keystore.Item{Key: "k", Value: []byte("1")}, keystore.Item{Key: "k", Value: []byte("2")}

	lose("create", func() error { return s.Create(ctx, first) })
	if item, err := s.Get(ctx, "k"); err != nil || string(item.Value) != "1" {
		t.Errorf("after the create: %+v, %v", item, err)
	}
	lose("replace", func() error { return s.Replace(ctx, first, second) })
	if item, err := s.Get(ctx, "k"); err != nil || string(item.Value) != "2" {
		t.Errorf("after the replace: %+v, %v", item, err)
	}
	lose("delete", func() error { return s.Delete(ctx, "k") })
	if _, err := s.Get(ctx, "k"); !errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("after the delete: %v", err)
	}
}
