package gateway_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/latchkey-io/latchkey/gateway"
)

// wsFrame is a WebSocket frame of n bytes, as servers send them.
func wsFrame(n int) []byte {
	head := []byte{0x82}
	switch {
	case n < 126:
		head = append(head, byte(n))
	case n < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, 126), uint16(n))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 127), uint64(n))
	}
	return append(head, make([]byte, n)...)
}

// However frames are cut into writes, a farewell goes between two of them or
// not at all.
func TestFarewellTearsNoFrameApart(t *testing.T) {
	for range 300 {
		var stream []byte
		whole := map[int]bool{0: true}
		for range 1 + rand.IntN(4) {
			sizes := []int{0, 1, 125, 126, 127, 300, 1<<16 - 1, 1 << 16}
			stream = append(stream, wsFrame(sizes[rand.IntN(len(sizes))])...)
			whole[len(stream)] = true
		}
		sent := rand.IntN(len(stream) + 1)
		ours, theirs := net.Pipe()
		got := make(chan []byte)
		go func() {
			all, _ := io.ReadAll(theirs)
			got <- all
		}()
		c := gateway.NewWebSocketConn(ours)
		for rest := stream[:sent]; len(rest) > 0; {
			n := 1 + rand.IntN(len(rest))
			if _, err := c.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		gateway.Farewell(c)
		want := bytes.Clone(stream[:sent])
		if whole[sent] {
			want = append(want, 0x88, 2, 0x03, 0xe9)
		}
		if all := <-got; !bytes.Equal(all, want) {
			t.Fatalf("after %d of %d bytes: %d bytes arrived, not %d", sent, len(stream), len(all), len(want))
		}
	}
}
