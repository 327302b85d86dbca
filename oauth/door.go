package oauth

import (
	"errors"
	"io"
	"net/http"

	"github.com/latchkey-io/latchkey/internal/limit"
)

// How many requests may be under way to the endpoints of one provider, and how
// many more may wait, as long as each has time; beyond them one is refused at
// once. A provider that stalls holds no more than these.
const (
	maxAtOnce = 50
	maxInLine = 500
)

var (
	errBusy  = errors.New("too many requests are under way")
	errLarge = errors.New("the answer is larger than 1 MiB")
	errMoved = errors.New("a redirect, which is not followed")
)

// door bounds what goes to one provider and comes back: requests at once, and
// bytes of a body.
type door struct {
	next http.RoundTripper
	gate *limit.Gate
}

func newDoor(next http.RoundTripper) *door {
	return &door{next, limit.NewGate(maxAtOnce, maxInLine)}
}

// RoundTrip takes a place until the answer's body is closed.
func (d *door) RoundTrip(r *http.Request) (*http.Response, error) {
	leave, err := d.gate.Enter(r.Context())
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, errBusy
	}
	answer, err := d.next.RoundTrip(r)
	if err != nil {
		leave()
		return nil, err
	}
	answer.Body = &boundedBody{body: answer.Body, left: maxDocument, leave: leave}
	return answer, nil
}

// stay follows no redirect: a code or a token is for the endpoint alone.
func stay(*http.Request, []*http.Request) error { return errMoved }

// boundedBody is a body of which left bytes may still be read.
type boundedBody struct {
	body  io.ReadCloser
	left  int
	leave func()
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errLarge
	}
	if len(p) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if b.left -= n; b.left < 0 {
		return n - 1, errLarge
	}
	return n, err
}

func (b *boundedBody) Close() error {
	defer b.leave()
	return b.body.Close()
}
