package gateway

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// How long a request may last is not bounded; how slowly it may move is. A
// request that lasts is looked at every lookEvery: whether it moves, and
// whether who began it still may. Two looks in a row that find it too slow end
// it, so does one that finds the credential ended.
const (
	lookEvery    = 20 * time.Second
	slowLooks    = 2
	minRate      = 256             // bytes a second, while it is the client we wait for
	recheckLimit = 5 * time.Second // for the answer of one recheck
	drainTimeout = 5 * time.Second // for the rest of a body that nobody wants
)

// reasonStops is why a tunnel ends when the daemon stops.
const reasonStops = "the gateway stops"

// pace watches how one request moves.
type pace struct {
	x       *exchange
	start   time.Time
	in, out flow
	slow    int

	mu     sync.Mutex // guards what follows
	timer  *time.Timer
	who    auth.Identity
	lent   *auth.Upstream // it was shown a credential of who's
	tunnel *webSocketConn // after a hijack
	over   bool
	reason string // why the request was cut
}

// flow is one direction between the client and us.
type flow struct {
	since  atomic.Int64 // when the call under way began, in ns of the pace; 0: none is
	waited atomic.Int64 // ns spent in calls that are over
	moved  atomic.Int64 // bytes

	lastWaited, lastMoved int64 // at the last look
}

func (p *pace) begin(x *exchange) {
	p.x, p.start = x, time.Now()
	p.mu.Lock() // the timer may be faster than its name
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(x.g.lookEvery, p.look)
}

// identified says who began the request, once that is known.
func (p *pace) identified(who auth.Identity) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.who = who
}

// lends says that the upstream up is shown a credential of who's.
func (p *pace) lends(up *auth.Upstream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lent = up
}

func (p *pace) now() int64 { return int64(time.Since(p.start)) + 1 }

func (p *pace) enter(f *flow) { f.since.Store(p.now()) }

func (p *pace) leave(f *flow, n int) {
	f.waited.Add(p.now() - f.since.Swap(0))
	f.moved.Add(int64(n))
}

// crawls reports whether since the last look the client kept us waiting most
// of the time and moved too little.
func (f *flow) crawls(now int64, every time.Duration) bool {
	waited, moved := f.waited.Load(), f.moved.Load()
	if since := f.since.Load(); since != 0 {
		waited += now - since
	}
	dw, dm := waited-f.lastWaited, moved-f.lastMoved
	f.lastWaited, f.lastMoved = waited, moved
	return dw > int64(every*3/4) && dm < int64(minRate*every/time.Second)
}

// look is called by the timer until the request is over.
func (p *pace) look() {
	now := p.now()
	every := p.x.g.lookEvery
	in, out := p.in.crawls(now, every), p.out.crawls(now, every)
	switch {
	case p.isTunnel() || !in && !out:
		p.slow = 0
	default:
		p.slow++
	}
	if p.slow >= slowLooks {
		p.cut("the client is too slow")
		return
	}
	if p.ended() {
		p.cut("the credential has ended")
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.timer.Reset(every)
	}
}

// ended asks whether the credential of a request under way has ended. When the
// store does not answer, nobody is thrown out. A short token may run out on the
// way, but not in a tunnel: git-lfs and container clients expect it to be looked
// at when a transfer begins, and what it was made with must still hold.
func (p *pace) ended() bool {
	p.mu.Lock()
	who, lent := p.who, p.lent
	p.mu.Unlock()
	if who.Via.Kind == auth.KindGrant && !p.isTunnel() {
		who.Expires = time.Time{}
	}
	ctx, cancel := context.WithTimeout(context.Background(), recheckLimit)
	defer cancel()
	err := p.x.d.cfg.Auth.Recheck(ctx, who)
	if err == nil && lent != nil {
		_, _, err = p.x.d.cfg.Auth.Upstreams.For(ctx, who, *lent)
		return auth.CodeOf(err) == auth.NotFound
	}
	return auth.CodeOf(err) == auth.Unauthenticated
}

// cut ends the request at once, whatever it waits for.
func (p *pace) cut(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	p.over, p.reason = true, reason
	if p.tunnel != nil {
		code := uint16(closePolicy)
		if reason == reasonStops {
			code = closeGoingAway
		}
		p.tunnel.farewell(code)
		return
	}
	// Both reads and writes fail from now on; net/http cancels the request's
	// context when its own read does.
	past := time.Unix(1, 0)
	c := http.NewResponseController(p.x.ResponseWriter)
	c.SetReadDeadline(past)
	c.SetWriteDeadline(past)
}

// hijacked says that the connection was taken over; false when it is too late.
func (p *pace) hijacked(c *webSocketConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return false
	}
	p.tunnel = c
	return true
}

func (p *pace) isTunnel() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tunnel != nil
}

// end stops the looking. After it the connection is not touched.
func (p *pace) end() {
	p.timer.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
}

// describe tells the event what is worth knowing.
func (p *pace) describe() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason != "" {
		p.x.event.Set(slog.String("cut", p.reason))
	}
	if n := p.in.moved.Load(); n > 0 {
		p.x.event.Set(slog.Int64("received", n))
	}
}

// pacedBody is the body of a request, watched.
type pacedBody struct {
	io.ReadCloser
	x     *exchange
	ended bool  // at its end, or broken
	err   error // how it broke
}

func (b *pacedBody) Read(p []byte) (int, error) {
	w := &b.x.pace
	w.enter(&w.in)
	n, err := b.ReadCloser.Read(p)
	w.leave(&w.in, n)
	if err != nil {
		b.ended = true
		if err != io.EOF {
			b.err = err
		}
		// Trailers come with the end, and some servers take them for headers.
		b.x.strip(b.x.r.Trailer)
	}
	return n, err
}
