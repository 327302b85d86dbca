package gateway

import "net"

// NewWebSocketConn and Farewell let tests speak to a client as a tunnel does.
func NewWebSocketConn(c net.Conn) net.Conn { return &webSocketConn{Conn: c} }

func Farewell(c net.Conn) { c.(*webSocketConn).farewell(closeGoingAway) }
