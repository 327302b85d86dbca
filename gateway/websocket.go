package gateway

import (
	"encoding/binary"
	"net"
	"sync"
	"time"
)

// Close codes of RFC 6455 §7.4.1.
const (
	closeGoingAway = 1001 // the gateway stops
	closePolicy    = 1008 // the credential has ended
)

// farewellLimit bounds the writing of a close frame.
const farewellLimit = time.Second

// webSocketConn is the client's end of a tunnel. It follows the frames that
// the upstream sends (RFC 6455 §5.2), so that it knows when a frame of our own
// may go between two of them.
type webSocketConn struct {
	net.Conn

	mu   sync.Mutex // held while a frame goes out
	head []byte     // of the frame that has begun, until it is whole
	left uint64     // bytes of its payload still to come
}

func (c *webSocketConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.Conn.Write(p)
	c.follow(p[:n])
	return n, err
}

// follow keeps count of what was sent.
func (c *webSocketConn) follow(p []byte) {
	for len(p) > 0 {
		if c.left > 0 {
			n := min(c.left, uint64(len(p)))
			c.left -= n
			p = p[n:]
			continue
		}
		c.head, p = append(c.head, p[0]), p[1:]
		if size, whole := payloadSize(c.head); whole {
			c.left, c.head = size, c.head[:0]
		}
	}
}

// payloadSize reads the head of a frame, once all of it is there.
func payloadSize(head []byte) (size uint64, whole bool) {
	if len(head) < 2 {
		return 0, false
	}
	need := 2
	switch size = uint64(head[1] & 0x7f); size {
	case 126:
		need += 2
	case 127:
		need += 8
	}
	if head[1]&0x80 != 0 {
		need += 4 // a mask, which servers do not use
	}
	if len(head) < need {
		return 0, false
	}
	switch size {
	case 126:
		size = uint64(binary.BigEndian.Uint16(head[2:]))
	case 127:
		size = binary.BigEndian.Uint64(head[2:])
	}
	return size, true
}

// farewell closes the connection, and says why where that does not tear a
// frame of the upstream's apart.
func (c *webSocketConn) farewell(code uint16) {
	if c.mu.TryLock() {
		defer c.mu.Unlock()
		if c.left == 0 && len(c.head) == 0 {
			c.Conn.SetWriteDeadline(time.Now().Add(farewellLimit))
			c.Conn.Write(binary.BigEndian.AppendUint16([]byte{0x88, 2}, code)) // whoever has gone needs no farewell
		}
	}
	c.Conn.Close()
}
