package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

const (
	maxSocketPath = 107 // bytes, unix(7): sun_path without its NUL
	socketProbe   = time.Second
)

// listenLocal opens the daemon's socket, for its own user alone. One that a
// daemon still answers at is refused; one that a killed daemon left is removed.
// The folder is private (makeDataDir), and the gateway asks the kernel who is
// at the other end, so nobody gets in before the mode is set.
func listenLocal(path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("socket: %s is longer than the %d bytes that a socket's path may have: choose a shorter data_dir", path, maxSocketPath)
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := os.Chmod(path, privateFile); err != nil {
		l.Close()
		return nil, fmt.Errorf("socket: %w", err)
	}
	return l, nil
}

func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("socket: %s is there already and no socket: move it away", path)
	}
	c, err := net.DialTimeout("unix", path, socketProbe)
	if err == nil {
		c.Close()
		return fmt.Errorf("socket: another daemon answers at %s: stop it, or choose another data_dir", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("socket: %s is in use: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	return nil
}
