package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Limits of one look at an issuer.
const (
	fetchTimeout  = 5 * time.Second // discovery and keys together
	maxDocument   = 1 << 20         // bytes of either document
	maxRedirects  = 3
	maxIssuerURL  = 512 // bytes
	maxJWKSURL    = 2048
	maxHeaderSize = 64 << 10 // bytes of an answer's headers
)

// discoveryPath is where an issuer describes itself (OpenID Connect Discovery
// 1.0 §4).
const discoveryPath = "/.well-known/openid-configuration"

// newTransport is the way to issuers where the configuration has none.
// Connections are not kept: an hour lies between two looks.
func newTransport() http.RoundTripper {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: fetchTimeout}).DialContext,
		TLSHandshakeTimeout:    fetchTimeout,
		MaxResponseHeaderBytes: maxHeaderSize,
		DisableKeepAlives:      true,
		DisableCompression:     true, // nothing small becomes something large
		ForceAttemptHTTP2:      true,
	}
}

// newClient is what issuers are asked with for what they publish.
func newClient(transport http.RoundTripper) *http.Client {
	return &http.Client{Transport: transport, CheckRedirect: stayAtHome}
}

// stayAtHome follows a redirect only to the same scheme, host and port: the
// configuration named whom to believe.
func stayAtHome(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errors.New("too many redirects")
	}
	if first := via[0].URL; r.URL.Scheme != first.Scheme || r.URL.Host != first.Host {
		return errors.New("a redirect to another host, which is not followed")
	}
	return nil
}

// published is what an issuer says of itself.
type published struct {
	about metadata
	keys  []key // nil: never had
}

// fetch reads what an issuer publishes: its discovery document, then the key
// set that this names. What the issuer says of itself must be what we were told
// (OpenID Connect Discovery 1.0 §4.3).
func fetch(ctx context.Context, client *http.Client, issuer string) (published, error) {
	text, err := get(ctx, client, strings.TrimSuffix(issuer, "/")+discoveryPath)
	if err != nil {
		return published{}, fmt.Errorf("discovery: %w", err)
	}
	about, err := readMetadata(text)
	if err != nil {
		return published{}, fmt.Errorf("discovery: the document is not JSON of the expected form: it %w", err)
	}
	if about.issuer != issuer {
		return published{}, fmt.Errorf("discovery: the document is of issuer %s", quote(about.issuer))
	}
	if text := about.fault(about.jwks); text != "" {
		return published{}, fmt.Errorf("discovery: jwks_uri %s", text)
	}
	if text, err = get(ctx, client, about.jwks); err != nil {
		return published{}, fmt.Errorf("keys: %w", err)
	}
	keys, err := parseKeys(text)
	return published{about, keys}, err
}

// get reads a document of at most maxDocument bytes.
func get(ctx context.Context, client *http.Client, at string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "latchkey")
	answer, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %d", answer.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxDocument {
		return nil, fmt.Errorf("the answer is larger than %d MiB", maxDocument>>20)
	}
	return text, nil
}
