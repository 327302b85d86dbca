package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

const (
	apiPrefix   = "/-/api/v1"
	maxAnswer   = 64 << 20 // bytes of one answer
	dialTimeout = 5 * time.Second
	callTimeout = time.Minute // of one call, fsck excepted
	fsckTimeout = 24 * time.Hour
	pageSize    = 1000 // items asked for at once
)

// client calls the daemon's JSON API.
type client struct {
	http  *http.Client
	base  string      // scheme and host
	token auth.Secret // empty on the socket
	where string      // for messages
}

// socketClient calls through the daemon's own socket.
func socketClient(path string) *client {
	return &client{
		base:  "http://localhost",
		where: path,
		http: newHTTPClient(func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "unix", path)
		}),
	}
}

// urlClient calls over the network.
func urlClient(u *url.URL, token auth.Secret) *client {
	return &client{
		base:  u.Scheme + "://" + u.Host,
		where: u.Scheme + "://" + u.Host,
		token: token,
		http:  newHTTPClient((&net.Dialer{Timeout: dialTimeout}).DialContext),
	}
}

func newHTTPClient(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Client {
	return &http.Client{
		Transport: &http.Transport{DialContext: dial, TLSHandshakeTimeout: dialTimeout, ForceAttemptHTTP2: true},
		// Whoever redirects an API call is not the daemon, and would be
		// given the token.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// problem is the API's answer to a call that failed (RFC 9457).
type problem struct {
	Title     string `json:"title"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	Field     string `json:"field"`
	RequestID string `json:"request_id"`
}

// call sends in as JSON (nil: no body) and returns the answer's body, which it
// also decodes into out unless that is nil.
func (c *client) call(ctx context.Context, method, path string, in, out any) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return c.callSlow(ctx, method, path, in, out)
}

// callSlow is call with no deadline but ctx's.
func (c *client) callSlow(ctx context.Context, method, path string, in, out any) (json.RawMessage, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+apiPrefix+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "latchkey/"+version)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if !c.token.Empty() {
		req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreached(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, c.unreached(err)
	}
	if len(raw) > maxAnswer {
		return nil, fmt.Errorf("the answer of %s is longer than %d MiB", c.where, maxAnswer>>20)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, c.refused(resp, raw)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			return nil, fmt.Errorf("the answer of %s is not Latchkey's: is it another program or version?", c.where)
		}
	}
	return raw, nil
}

// unreached explains why there is no answer.
func (c *client) unreached(err error) error {
	var cause error = err
	if u, ok := errors.AsType[*url.Error](err); ok {
		cause = u.Err
	}
	onSocket := c.token.Empty()
	switch {
	case onSocket && errors.Is(err, syscall.EACCES):
		return &failure{exitRefused, fmt.Errorf("%s belongs to somebody else: run this as the daemon's user or root, or use --url with a token", c.where)}
	case onSocket && (errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED)):
		return fmt.Errorf("no daemon answers at %s: start one with latchkey serve, or say where it is with --data-dir or --url", c.where)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s did not answer in %s: try again, or look into its log", c.where, callTimeout)
	}
	return fmt.Errorf("%s cannot be reached: %w", c.where, cause)
}

// refused turns an answer that is no success into an error with its exit code.
func (c *client) refused(resp *http.Response, raw []byte) error {
	var p problem
	if err := json.Unmarshal(raw, &p); err != nil || p.Code == "" && p.Title == "" && p.Detail == "" {
		if resp.StatusCode >= 300 && resp.StatusCode < 400 {
			return fmt.Errorf("%s redirects elsewhere: give the address in http.public_url", c.where)
		}
		return &failure{codeFor(resp.StatusCode), fmt.Errorf("%s answered %s, not as Latchkey does", c.where, resp.Status)}
	}
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	if p.Field != "" && !strings.Contains(text, p.Field) {
		text = p.Field + ": " + text
	}
	if after := resp.Header.Get("Retry-After"); after != "" {
		text += "; try again in " + after + " s"
	}
	if p.RequestID != "" && resp.StatusCode >= 500 {
		text += " (request " + p.RequestID + ")"
	}
	return &failure{codeFor(resp.StatusCode), errors.New(text)}
}

func codeFor(status int) int {
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return exitUsage
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusLocked, http.StatusTooManyRequests:
		return exitRefused
	}
	return exitFailed
}

// page is one answer of a list.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// list reads all pages of the list at path, whose query it extends.
func list[T any](ctx context.Context, c *client, path string, query url.Values) ([]T, error) {
	items := []T{}
	if query == nil {
		query = url.Values{}
	}
	for {
		at := path
		if len(query) > 0 {
			at += "?" + query.Encode()
		}
		var p page[T]
		if _, err := c.call(ctx, http.MethodGet, at, nil, &p); err != nil {
			return nil, err
		}
		items = append(items, p.Items...)
		if p.Next == "" || len(p.Items) == 0 {
			return items, nil
		}
		query.Set("after", p.Next)
	}
}

// listOf is list for what belongs to a user. An empty list of a name that
// nobody has is no answer but a mistake.
func listOf[T any](ctx context.Context, c *client, w whose, rest string) ([]T, error) {
	items, err := list[T](ctx, c, w.path(rest), nil)
	if err != nil || len(items) > 0 || w.User == self {
		return items, err
	}
	_, err = c.call(ctx, http.MethodGet, w.path(""), nil, nil)
	if f, ok := errors.AsType[*failure](err); ok && f.code == exitNotFound {
		return nil, err
	}
	return items, nil
}

// seg is text as one segment of a path.
func seg(text string) string { return url.PathEscape(text) }
