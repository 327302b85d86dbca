package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/latchkey-io/latchkey/auth"
)

// Probe asks upstreams whether they take a name and secret, by the rules of
// the way to a route's upstream: certificates are verified, no proxy of the
// environment is used, no redirect is followed. Nothing of an answer is kept
// but its status; its body is not read. The zero value is ready.
type Probe struct {
	RootCAs *x509.CertPool // nil: the system's
	Limit   time.Duration  // of one question; 0: 5 seconds
}

var _ auth.UpstreamProbe = Probe{}

// defaultProbeLimit is short enough for a person who waits for a page.
const defaultProbeLimit = 5 * time.Second

// Probe sends one GET to up.URL with the credential.
func (p Probe) Probe(ctx context.Context, up auth.Upstream, name string, secret auth.Secret) auth.UpstreamAnswer {
	if p.Limit <= 0 {
		p.Limit = defaultProbeLimit
	}
	said := saying{host: up.URL.Host, what: "secret", limit: p.Limit}
	if up.NeedsName() {
		said.what = "name and secret"
	}
	to, err := newUpstream(upstreamKey{up.URL.Scheme + "://" + up.URL.Host, p.Limit})
	if err != nil {
		return auth.UpstreamAnswer{Said: "The address of this upstream cannot be asked; tell the administrators."}
	}
	to.transport.DisableKeepAlives = true
	to.transport.TLSClientConfig.RootCAs = p.RootCAs
	defer to.transport.CloseIdleConnections()

	ctx, cancel := context.WithTimeout(ctx, p.Limit)
	defer cancel()
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{ConnectDone: func(_, _ string, err error) {
		if err == nil {
			connected.Store(true)
		}
	}})
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, up.URL.String(), http.NoBody)
	if err != nil {
		return auth.UpstreamAnswer{Said: "The address of this upstream cannot be asked; tell the administrators."}
	}
	r.Header.Set("Accept", "*/*")
	r.Header.Set("User-Agent", "latchkey")
	showUpstream(r.Header, up, name, secret)
	resp, err := to.transport.RoundTrip(r) // not a Client: that would follow redirects
	if err != nil {
		return auth.UpstreamAnswer{Said: said.failed(err, connected.Load())}
	}
	defer resp.Body.Close()
	return auth.UpstreamAnswer{
		Accepted: resp.StatusCode >= 200 && resp.StatusCode < 300,
		Status:   resp.StatusCode, Said: said.answered(resp, up.URL),
	}
}

// saying makes the sentences. Nothing in them comes from the upstream but its
// status, in our own words.
type saying struct {
	host, what string
	limit      time.Duration
}

// answered is what an answer tells about the name and secret.
func (s saying) answered(r *http.Response, asked *url.URL) string {
	status := fmt.Sprint(r.StatusCode)
	if text := http.StatusText(r.StatusCode); text != "" {
		status += " " + text
	}
	switch code := r.StatusCode; {
	case code >= 200 && code < 300:
		return fmt.Sprintf("%s answered %s to this %s.", s.host, status, s.what)
	case code == http.StatusUnauthorized:
		return fmt.Sprintf("%s does not accept this %s (%s).", s.host, s.what, status)
	case code == http.StatusForbidden:
		return fmt.Sprintf("%s refuses this %s here (%s): either it is wrong, or its account may not use the address of the test.", s.host, s.what, status)
	case code == http.StatusNotFound || code == http.StatusGone:
		return fmt.Sprintf("%s has nothing at the address of the test (%s), so nothing is known about this %s; the administrators should look at the upstream's url.", s.host, status, s.what)
	case code == http.StatusTooManyRequests:
		return fmt.Sprintf("%s wants fewer requests for now (%s), so nothing is known about this %s.", s.host, status, s.what)
	case code >= 300 && code < 400:
		return s.redirected(r, asked, status)
	case code >= 500:
		return fmt.Sprintf("%s has a fault of its own (%s), so nothing is known about this %s.", s.host, status, s.what)
	}
	return fmt.Sprintf("%s answered %s, which tells nothing about this %s.", s.host, status, s.what)
}

func (s saying) redirected(r *http.Response, asked *url.URL, status string) string {
	to, err := asked.Parse(r.Header.Get("Location"))
	switch {
	case err != nil || r.Header.Get("Location") == "":
		return fmt.Sprintf("%s answered %s without a place to go on, which tells nothing about this %s.", s.host, status, s.what)
	case auth.OriginOf(to) == auth.OriginOf(asked):
		return fmt.Sprintf("%s leads to another of its own pages (%s), perhaps to sign in, so nothing is known about this %s; the administrators should look at the upstream's url.", s.host, status, s.what)
	}
	return fmt.Sprintf("%s redirects to another host, scheme or port (%s); the %s went to %s alone, and nothing is known about it.", s.host, status, s.what, s.host)
}

// failed is why there is no answer.
func (s saying) failed(err error, connected bool) string {
	if text := s.failedTLS(err); text != "" {
		return text
	}
	timeout, isTimeout := errors.AsType[net.Error](err)
	isTimeout = isTimeout && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded)
	name, isDNS := errors.AsType[*net.DNSError](err)
	switch {
	case isDNS && name.IsNotFound:
		return fmt.Sprintf("There is no host of the name %s, so nothing was sent; the administrators should look at the upstream's url.", hostnameOf(s.host))
	case isDNS:
		return fmt.Sprintf("The name %s could not be looked up just now, so nothing was sent.", hostnameOf(s.host))
	case errors.Is(err, context.Canceled):
		return "The test was given up before there was an answer."
	case isTimeout && connected:
		return fmt.Sprintf("%s took the connection and did not answer within %s, so nothing is known about this %s.", s.host, s.limit, s.what)
	case isTimeout:
		return fmt.Sprintf("No connection to %s came about within %s, so nothing was sent.", s.host, s.limit)
	case errors.Is(err, unix.ECONNREFUSED):
		return fmt.Sprintf("Nothing is running at %s: the connection was refused, and nothing was sent.", s.host)
	case !connected:
		return fmt.Sprintf("%s cannot be reached from here, so nothing was sent.", s.host)
	case errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Sprintf("%s closed the connection without an answer, so nothing is known about this %s.", s.host, s.what)
	}
	return fmt.Sprintf("What %s answered is not HTTP, so nothing is known about this %s.", s.host, s.what)
}

// failedTLS is why no secure connection came about; empty when that was not it.
func (s saying) failedTLS(err error) string {
	why := ""
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		why = "its certificate cannot be trusted"
		if _, ok := errors.AsType[x509.HostnameError](bad.Err); ok {
			why = "its certificate is for another host name"
		} else if _, ok := errors.AsType[x509.UnknownAuthorityError](bad.Err); ok {
			why = "its certificate is signed by nobody whom this machine trusts"
		} else if e, ok := errors.AsType[x509.CertificateInvalidError](bad.Err); ok && e.Reason == x509.Expired {
			why = "its certificate has expired, or is not valid yet"
		}
	} else if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		why = "it does not speak TLS there"
	} else if _, ok := errors.AsType[tls.AlertError](err); ok {
		why = "it breaks the TLS handshake off"
	} else if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		why = "it breaks the TLS handshake off"
	}
	if why == "" {
		return ""
	}
	return fmt.Sprintf("There is no secure connection to %s: %s, so nothing was sent.", s.host, why)
}

// hostnameOf is a host without its port.
func hostnameOf(host string) string { return (&url.URL{Host: host}).Hostname() }
