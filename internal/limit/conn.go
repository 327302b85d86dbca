package limit

import "net"

// counted gives c a Close that also gives its place back, once. The kinds of
// sockets that can do more than net.Conn still can.
func counted(c net.Conn, release func()) net.Conn {
	switch c := c.(type) {
	case *net.TCPConn:
		return &tcpConn{c, release}
	case *net.UnixConn:
		return &unixConn{c, release}
	}
	return &otherConn{c, release}
}

type tcpConn struct {
	*net.TCPConn
	release func()
}

func (c *tcpConn) Close() error {
	defer c.release()
	return c.TCPConn.Close()
}

type unixConn struct {
	*net.UnixConn
	release func()
}

func (c *unixConn) Close() error {
	defer c.release()
	return c.UnixConn.Close()
}

type otherConn struct {
	net.Conn
	release func()
}

func (c *otherConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
