package lfs

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// Limits of an address.
const (
	maxSegments = 3    // of a repository's name
	maxSegment  = 100  // bytes of one of them
	maxAddress  = 1024 // bytes
)

// artifactoryDoor is where clients of Artifactory expect LFS. The host of the
// public URL answers it for all routes.
const artifactoryDoor = "/artifactory/api/lfs/"

var (
	errAddress = errors.New("this is no address of a Git LFS repository; it reads ROUTE/REPO, and REPO is 1 to 3 names of A-Z a-z 0-9 . _ -")
	errNoRoute = errors.New("there is no Git LFS route")
)

// door is one route and where it stands.
type door struct {
	route auth.Route
	host  string // lower case, without port; empty: the public one
	path  string // begins and ends with /
	base  string // scheme://host[:port]/path/ for hrefs
	dir   string // absolute
	disk  *disk
}

// table is all doors at one time. It is not changed after newTable.
type table struct {
	doors  []door // as in the file
	byPath []int  // longest path first
	public string // scheme://host[:port] of the public URL
	host   string // its host without port
}

// repository is what an address names.
type repository struct {
	*door
	name string // 1 to 3 segments, checked
	href string // base of its API, without / at the end
}

func newTable(public *url.URL, routes []RouteConfig) (*table, error) {
	t := &table{public: public.Scheme + "://" + public.Host, host: strings.ToLower(public.Hostname())}
	for _, r := range routes {
		dir, err := filepath.Abs(r.Dir)
		if err != nil || r.Dir == "" {
			return nil, fmt.Errorf("lfs route %q: the folder %q cannot be used", r.Route.Name, r.Dir)
		}
		d := door{route: r.Route, host: strings.ToLower(r.Host), path: "/", base: t.public, dir: dir}
		if trimmed := strings.Trim(r.Path, "/"); trimmed != "" {
			d.path = "/" + trimmed + "/"
		}
		if d.host != "" {
			d.base = public.Scheme + "://" + d.host
			if port := public.Port(); port != "" {
				d.base = public.Scheme + "://" + net.JoinHostPort(d.host, port)
			}
		}
		d.base += d.path
		if err := t.add(d); err != nil {
			return nil, err
		}
	}
	for i := range t.doors {
		t.byPath = append(t.byPath, i)
	}
	slices.SortStableFunc(t.byPath, func(a, b int) int { return len(t.doors[b].path) - len(t.doors[a].path) })
	return t, nil
}

// add refuses what would let one repository be reached by two names with two
// sets of rules.
func (t *table) add(d door) error {
	if !d.route.Repositories || d.route.Name == "" {
		return fmt.Errorf("lfs route %q: the route needs a name and repositories", d.route.Name)
	}
	for _, o := range t.doors {
		switch {
		case o.route.Name == d.route.Name:
			return fmt.Errorf("lfs route %q is there twice", d.route.Name)
		case inside(o.dir, d.dir) || inside(d.dir, o.dir):
			return fmt.Errorf("lfs routes %q and %q would share the folder %s; give each its own", o.route.Name, d.route.Name, d.dir)
		case o.host == d.host && o.path == d.path:
			return fmt.Errorf("lfs routes %q and %q have one address", o.route.Name, d.route.Name)
		}
	}
	t.doors = append(t.doors, d)
	return nil
}

func inside(dir, other string) bool {
	return other == dir || strings.HasPrefix(other, strings.TrimSuffix(dir, "/")+"/")
}

// named finds a door by the name of its route.
func (t *table) named(name string) *door {
	for i := range t.doors {
		if t.doors[i].route.Name == name {
			return &t.doors[i]
		}
	}
	return nil
}

// parseURL reads host and path of a request:
//
//	ROUTEPATH REPO[.git][/info/lfs] /RESOURCE
//	/artifactory/api/lfs/ [ROUTE/]REPO[.git][/info/lfs] /RESOURCE
//
// RESOURCE begins with the segment "objects" or "locks", which no repository's
// name may hold, so there is one reading of every path.
func (t *table) parseURL(host, path string) (repo repository, resource []string, err error) {
	if len(path) > maxAddress {
		return repository{}, nil, errAddress
	}
	d, rest, artifactory := t.door(hostname(host), path)
	if d == nil {
		return repository{}, nil, errAddress
	}
	segments := strings.Split(rest, "/")
	at := slices.IndexFunc(segments, func(s string) bool { return s == "objects" || s == "locks" })
	if at < 0 {
		return repository{}, nil, errAddress
	}
	segments, resource = segments[:at], segments[at:]
	base := d.base
	if artifactory {
		base = t.public + artifactoryDoor
		if len(segments) > 0 {
			if n := t.named(segments[0]); n != nil {
				d, segments = n, segments[1:]
				base += d.route.Name + "/"
			}
		}
	}
	name, err := t.repository(segments)
	if err != nil {
		return repository{}, nil, err
	}
	return repository{door: d, name: name, href: base + name}, resource, nil
}

// door picks the door of a request. A host that a route claims is that
// route's alone.
func (t *table) door(host, path string) (d *door, rest string, artifactory bool) {
	claimed := slices.ContainsFunc(t.doors, func(d door) bool { return d.host == host })
	for _, i := range t.byPath {
		d := &t.doors[i]
		mine := d.host == host || d.host == "" && (!claimed || host == t.host)
		if mine && strings.HasPrefix(path, d.path) && (d.path != "/" || !strings.HasPrefix(path, artifactoryDoor)) {
			return d, path[len(d.path):], false
		}
	}
	if rest, ok := strings.CutPrefix(path, artifactoryDoor); ok && len(t.doors) > 0 && (!claimed || host == t.host) {
		return &t.doors[0], rest, true
	}
	return nil, "", false
}

// parsePath reads the path of git-lfs-authenticate:
//
//	[/][artifactory/][api/lfs/][ROUTE/]REPO[.git][/info/lfs][/]
func (t *table) parsePath(path string) (repository, error) {
	if len(t.doors) == 0 {
		return repository{}, errNoRoute
	}
	if len(path) > maxAddress {
		return repository{}, errAddress
	}
	path = strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	path = strings.TrimPrefix(path, "artifactory/")
	path = strings.TrimPrefix(path, "api/lfs/")
	segments := strings.Split(path, "/")
	d := t.named(segments[0])
	if d != nil {
		segments = segments[1:]
	} else {
		d = &t.doors[0]
	}
	name, err := t.repository(segments)
	if err != nil {
		return repository{}, err
	}
	return repository{door: d, name: name, href: d.base + name}, nil
}

// repository checks the segments of a repository's address and gives its name.
func (t *table) repository(segments []string) (string, error) {
	if n := len(segments); n >= 2 && segments[n-2] == "info" && segments[n-1] == "lfs" {
		segments = segments[:n-2]
	}
	if n := len(segments); n > 0 {
		segments = slices.Clone(segments)
		segments[n-1] = strings.TrimSuffix(segments[n-1], ".git")
	}
	if err := checkName(segments); err != nil {
		return "", err
	}
	if t.named(segments[0]) != nil {
		return "", fmt.Errorf("%q is the name of a route; a repository's first name must be another", segments[0])
	}
	return strings.Join(segments, "/"), nil
}

// checkName refuses what is no repository's name: more than three segments,
// foreign characters, a segment that begins with "." or "-" or ends in .git or
// .lock, the words of the API and of the folder's layout (objects, locks), and
// what the addresses above would read as something else (artifactory/…,
// api/lfs/…, …/info/lfs).
func checkName(segments []string) error {
	if len(segments) == 0 || len(segments) > maxSegments || segments[0] == "artifactory" {
		return errAddress
	}
	for i, s := range segments {
		if !validSegment(s) {
			return errAddress
		}
		if before := segments[max(i-1, 0)]; s == "lfs" && i > 0 && (before == "info" || before == "api" && i == 1) {
			return errAddress
		}
	}
	return nil
}

func validSegment(s string) bool {
	if s == "" || len(s) > maxSegment || s[0] == '.' || s[0] == '-' || s == "objects" || s == "locks" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	lower := strings.ToLower(s)
	return !strings.HasSuffix(lower, ".git") && !strings.HasSuffix(lower, ".lock")
}

// hostname is the host of a Host header, lower case, without port, brackets
// and final dot: however a client writes it, it has one set of rules.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	} else if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}
