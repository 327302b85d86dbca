package redis_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// admin sends one command as an operator does and returns the first line of the
// answer, or the text of a bulk answer.
func admin(t testing.TB, server *storetest.RedisServer, args ...string) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", server.Addr, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := conn.Write([]byte(b.String())); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err == nil && line[0] == '$' && line[1] != '-' {
		line, err = r.ReadString('\n')
	}
	if err != nil {
		t.Fatal(err)
	}
	if line[0] == '-' {
		t.Fatalf("%v: %s", args, line)
	}
	return strings.TrimSpace(line)
}
