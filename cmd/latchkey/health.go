package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	healthTimeout = 5 * time.Second
	maxHealth     = 4 << 10 // bytes of an answer
)

type healthcheckCommand struct {
	Config string `short:"c" help:"Configuration file of the daemon ($$LATCHKEY_CONFIG)." placeholder:"FILE"`
}

// Run asks /readyz at ops.listen.
func (h *healthcheckCommand) Run(ctx context.Context, c *console) error {
	cfg, err := c.load(h.Config)
	if err != nil {
		return err
	}
	if cfg.Ops.Listen == "" {
		return usagef("ops.listen is empty, so nothing tells whether the daemon is ready")
	}
	why, err := askReady(ctx, cfg.Ops.Listen)
	if err != nil {
		return err
	}
	if why != "" {
		return fmt.Errorf("not ready: %s", why)
	}
	return c.done(nil, "ready")
}

// askReady asks the daemon at the address of ops.listen why it is not ready.
func askReady(ctx context.Context, address string) (why string, err error) {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+dialable(address)+"/readyz", nil)
	if err != nil {
		return "", err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("no daemon answers at %s (ops.listen)", address)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxHealth))
	if err != nil {
		return "", err
	}
	if resp.StatusCode == http.StatusOK {
		return "", nil
	}
	return strings.TrimSpace(string(text)), nil
}

// dialable is an address to listen on as one to connect to.
func dialable(address string) string {
	host, port := splitAddress(address)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
