package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// jf is a machine on which JFrog's CLI is set up for one server. It is written
// from what that program was seen to send and to need back, and is as
// particular as it: where the CLI would fail, sleep or lose its login, so does
// this. Its methods are the commands; each dials anew for every request.
type jf struct {
	platform string // scheme and host, without a slash at the end; empty over SSH

	// What "jf config add" keeps. With a password, the first command trades it
	// for a pair of tokens of Artifactory's, unless basicOnly.
	user, password        string
	basicOnly             bool
	access, refresh       string // platform tokens
	artAccess, artRefresh string // the pair that a password was traded for
	sshURL                string
	sshKeys               []ssh.Signer // each tried in a connection of its own

	newThreshold bool          // of releases since August 2026
	ahead        time.Duration // of this machine's clock
	mu           sync.Mutex    // parallel requests share one renewal
	naps         int           // slept through before renewals
	renewals     int           // pairs got from the server, new ones too
	logins       atomic.Int64  // over SSH
}

// Numbers of the CLI.
const (
	jfAgent      = "jfrog-cli-go/2.112.0"
	jfRetries    = 3
	jfNap        = 15 * time.Second // before a token that still lives is renewed
	jfArtMinutes = 10               // left of a token of Artifactory's, when it is renewed
	jfDeploySize = 10 << 10         // bytes, from which an upload is first tried by checksum
)

// jfRefused is an answer that the CLI makes an error of.
type jfRefused struct {
	status int
	body   string
}

func (e *jfRefused) Error() string { return fmt.Sprintf("server response: %d %s", e.status, e.body) }

// jfStatus is the status of a refusal; 0 for any other error.
func jfStatus(err error) int {
	if e, ok := errors.AsType[*jfRefused](err); ok {
		return e.status
	}
	return 0
}

func (j *jf) now() time.Time { return time.Now().Add(j.ahead) }

// nap is what the CLI sleeps, in case somebody else renews the token meanwhile.
func (j *jf) nap() {
	j.naps++
	j.ahead += jfNap
}

// jfRequest is one request before it has a credential.
type jfRequest struct {
	method, url string
	header      http.Header
	body        []byte
}

func newJFRequest(method, url, contentType string, body []byte) jfRequest {
	h := http.Header{"User-Agent": {jfAgent}, "Uber-Trace-Id": {"5f3a:5f3a:0:0"}, "Accept-Encoding": {"gzip"}}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	return jfRequest{method, url, h, body}
}

// send sends a request, and again at once when the server is busy or broken;
// never when it is refused. The connection serves one request. A redirect is an
// error here: the CLI would follow it with its credential, wherever it leads.
func (q jfRequest) send() (status int, body string, err error) {
	for try := 0; ; try++ {
		status, body, err = q.once()
		busy := err != nil || status == http.StatusTooManyRequests || status >= 500
		if !busy || try == jfRetries {
			break
		}
	}
	if err == nil && status >= 300 && status < 400 {
		err = fmt.Errorf("%s %s is redirected", q.method, q.url)
	}
	return status, body, err
}

func (q jfRequest) once() (int, string, error) {
	req, err := http.NewRequest(q.method, q.url, bytes.NewReader(q.body))
	if err != nil {
		return 0, "", err
	}
	req.Header, req.Close = q.header, true
	client := &http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// want sends a request whose answer must have one of the statuses.
func (q jfRequest) want(statuses ...int) (string, error) {
	status, body, err := q.send()
	if err == nil && !slices.Contains(statuses, status) {
		err = &jfRefused{status, body}
	}
	return body, err
}

// jfManager is what each command makes to talk to Artifactory, and the report
// of use makes another. Over SSH each signs in by itself.
type jfManager struct {
	j       *jf
	root    string // …/artifactory/
	headers map[string]string
	mu      sync.Mutex
}

func (j *jf) manager() (*jfManager, error) {
	m := &jfManager{j: j, root: j.platform + "/artifactory/"}
	if j.sshURL == "" {
		return m, nil
	}
	return m, m.signIn()
}

// request is a request to Artifactory with the credential of the moment.
func (m *jfManager) request(method, path, contentType string, body []byte) (jfRequest, error) {
	q := newJFRequest(method, m.root+path, contentType, body)
	return q, m.authorize(q.header)
}

func (m *jfManager) do(method, path, contentType string, body []byte, statuses ...int) (string, error) {
	q, err := m.request(method, path, contentType, body)
	if err != nil {
		return "", err
	}
	return q.want(statuses...)
}

// command runs what a command does with a manager of its own, while another
// reports that it is done. Errors of the report are nobody's business.
func (j *jf) command(work func(*jfManager) error) error {
	if err := j.trade(); err != nil {
		return err
	}
	var report sync.WaitGroup
	report.Go(func() { j.reportUsage() })
	defer report.Wait()
	m, err := j.manager()
	if err != nil {
		return err
	}
	return work(m)
}

func (j *jf) reportUsage() error {
	m, err := j.manager()
	if err != nil {
		return err
	}
	if _, err := m.version(); err != nil {
		return err
	}
	_, err = m.do("POST", "api/system/usage", asJSON,
		[]byte(`{"productId":"jfrog-cli-go/2.112.0","features":[{"featureId":"rt_upload","attributes":{"a":1},"uniqueClientId":"5f3a"}]}`),
		http.StatusOK, http.StatusAccepted)
	return err
}

// version must be JSON with a version, from which features follow.
func (m *jfManager) version() (string, error) {
	body, err := m.do("GET", "api/system/version", "", nil, http.StatusOK)
	if err != nil {
		return "", err
	}
	var v struct{ Version string }
	if err := json.Unmarshal([]byte(body), &v); err != nil || v.Version == "" {
		return "", fmt.Errorf("no version in %q: %w", body, err)
	}
	return v.Version, nil
}

// ping is "jf rt ping".
func (j *jf) ping() error {
	return j.command(func(m *jfManager) error {
		body, err := m.do("GET", "api/system/ping", "", nil, http.StatusOK)
		if err == nil && body != "OK" {
			err = fmt.Errorf("ping is answered %q", body)
		}
		return err
	})
}

// upload is "jf rt upload" of one file.
func (j *jf) upload(path string, file []byte) error {
	return j.command(func(m *jfManager) error {
		if _, err := m.version(); err != nil {
			return err
		}
		if len(file) > jfDeploySize {
			q, err := m.request("PUT", path, "", nil)
			if err != nil {
				return err
			}
			q.header.Set("X-Checksum-Deploy", "true")
			q.header.Set("X-Checksum-Sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709")
			if _, err := q.want(http.StatusOK, http.StatusCreated); err == nil || jfStatus(err) != http.StatusNotFound {
				return err
			}
		}
		_, err := m.do("PUT", path, "", file, http.StatusOK, http.StatusCreated)
		return err
	})
}

// download is "jf rt download" of one file: it is searched for, then fetched.
func (j *jf) download(path string) (file string, err error) {
	repo, name, _ := strings.Cut(path, "/")
	err = j.command(func(m *jfManager) error {
		if _, err := m.version(); err != nil {
			return err
		}
		query := fmt.Sprintf(`items.find({"repo":%q,"name":%q}).include("name","repo","path")`, repo, name)
		body, err := m.do("POST", "api/search/aql", "text/plain", []byte(query), http.StatusOK)
		if err != nil {
			return err
		}
		found, err := jfResults(body)
		if err != nil {
			return err
		}
		if len(found) != 1 {
			return fmt.Errorf("%d files found", len(found))
		}
		file, err = m.do("GET", cmp.Or(found[0], path), "", nil, http.StatusOK)
		return err
	})
	return file, err
}

// jfResults reads the answer to a search as a stream, as the CLI does: what is
// looked for must be the first object or list in it.
func jfResults(body string) ([]string, error) {
	in := json.NewDecoder(strings.NewReader(body))
	for {
		token, err := in.Token()
		if err != nil {
			return nil, fmt.Errorf("search: %w", err)
		}
		if token != "results" {
			continue
		}
		var all []struct{ Repo, Name string }
		err = in.Decode(&all)
		paths := make([]string, len(all))
		for i, one := range all {
			paths[i] = one.Repo + "/" + one.Name
		}
		return paths, err
	}
}
