package sshd

import (
	"context"
	"net"

	gossh "golang.org/x/crypto/ssh"
)

// Server is the SSH door. Make it with [New].
type Server struct{}

// New checks c and makes a server; [Server.Serve] starts it.
func New(c Config) (*Server, error) { panic("") }

// Serve accepts connections of l, which must be the listener of the operating
// system, until Shutdown, and then returns nil. It closes l.
func (s *Server) Serve(l net.Listener) error { panic("") }

// Shutdown stops accepting, lets commands that run finish, and closes each
// connection when its last one has. When ctx ends first it closes all and
// returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error { panic("") }

// Fingerprint is that of the first host key, as SHA256:….
func (s *Server) Fingerprint() string { panic("") }

// KnownHosts is the lines for a known_hosts file that name the host keys for
// addr, a host:port as clients write it.
func (s *Server) KnownHosts(addr string) string { panic("") }

// LoadOrCreateHostKey reads the private key at path. Where there is no file it
// makes an Ed25519 key there, mode 0600, once.
func LoadOrCreateHostKey(path string) (gossh.Signer, error) { panic("") }
