//go:build clients

package clients_test

import (
	"path/filepath"
	"testing"
)

// client is one program, or some that are much alike: a row of the table in the
// document.
type client struct {
	name  string
	uses  []use
	https bool                    // it signs in over nothing else
	first string                  // folder of programs that come before others
	start func(*testing.T, *gate) // what it needs before all uses
}

// use is one way of signing in that a section of the document shows.
type use struct {
	name  string // of its blocks
	kinds []kind // of secrets that it fits
	// requests is how many the scripts send, at most, until they give up on a
	// wrong secret.
	requests int
	// prepare puts what the client works on into the working folder.
	prepare func(*testing.T, *run)
	// check looks at what came of a right secret.
	check func(*testing.T, *run)
	// builtin: the daemon does it all, and no repository sees it.
	builtin bool
}

// clients are all of them. What takes long comes first.
func clients() []client {
	lfs := []use{
		{name: "lfs-ssh", kinds: []kind{sshKey}, builtin: true, prepare: withKey, check: fetched},
		{name: "lfs-store", kinds: inBasic, requests: 4, builtin: true, prepare: newAssets, check: fetched},
		{name: "lfs-job", kinds: inBasic, requests: 30, builtin: true, prepare: newAssets, check: fetched},
		{name: "lfs-key", kinds: inKeyHeader, requests: 4, builtin: true, prepare: newAssets, check: fetched},
	}
	newest, err := filepath.Abs("../bin/tools")
	if err != nil {
		panic(err) // there is no working folder
	}
	return []client{
		{name: "gradle", uses: []use{
			{name: "gradle-basic", kinds: inBasic, requests: 4, prepare: newGradleProject, check: jarCame},
		}},
		{name: "mvn", uses: []use{
			{name: "mvn-basic", kinds: inBasic, requests: 2, prepare: newProject, check: artifactWent},
			{name: "mvn-key", kinds: inKeyHeader, requests: 2, prepare: newProject, check: artifactWent},
		}},
		{name: "pnpm", uses: []use{
			{name: "pnpm-token", kinds: inBearer, requests: 6, prepare: newPackage, check: publishedToo},
			{name: "pnpm-basic", kinds: inBasic, requests: 6, prepare: newPackage, check: publishedToo},
		}},
		{name: "git-lfs", first: "/usr/bin", uses: lfs},
		{name: "newest git-lfs", first: newest, uses: lfs},
		{name: "npm", uses: []use{
			{name: "npm-token", kinds: inBearer, requests: 6, prepare: newPackage, check: publishedToo},
			{name: "npm-basic", kinds: inBasic, requests: 5, prepare: newPackage, check: publishedToo},
		}},
		{name: "yarn", uses: []use{
			{name: "yarn-token", kinds: inBearer, requests: 1, prepare: newPackage, check: packagesCame},
			{name: "yarn-basic", kinds: inBasic, requests: 1, prepare: newPackage, check: packagesCame},
		}},
		{name: "pip", uses: []use{
			{name: "pip-url", kinds: inBasic, requests: 2, check: wheelCame},
			{name: "pip-netrc", kinds: inBasic, requests: 1, check: wheelCame},
		}},
		{name: "twine", uses: []use{
			{name: "twine-basic", kinds: inBasic, requests: 1, prepare: newWheel, check: wheelWent},
		}},
		{name: "cargo", uses: []use{
			{name: "cargo-bearer", kinds: inBearer, requests: 4, prepare: newCrate, check: crateWent},
			{name: "cargo-bare", kinds: inBearer, requests: 4, prepare: newCrate, check: crateWent},
			{name: "cargo-basic", kinds: inBasic, requests: 4, prepare: newCrate, check: crateWent},
		}},
		{name: "docker", start: startRegistry, uses: []use{
			{name: "docker-login", kinds: inBasic, requests: 2},
		}},
		{name: "skopeo", start: startRegistry, uses: []use{
			{name: "skopeo-login", kinds: inBasic, requests: 2, prepare: newSkopeo, check: imageCame("copied", "1")},
		}},
		{name: "crane", start: startRegistry, uses: []use{
			{name: "crane-login", kinds: inBasic, requests: 2, check: imageCame("app", "2")},
		}},
		{name: "helm", start: startRegistry, uses: []use{
			{name: "helm-basic", kinds: inBasic, requests: 1, check: chartCame},
			{name: "helm-oci", kinds: inBasic, requests: 4, prepare: newChart, check: ociChartCame},
		}},
		{name: "go", https: true, uses: []use{
			{name: "go-netrc", kinds: inBasic, requests: 4, prepare: newModule, check: moduleCame},
			{name: "go-bearer", kinds: inBearer, requests: 4, prepare: newModule, check: moduleCame},
		}},
		{name: "apt", uses: []use{
			{name: "apt-basic", kinds: inBasic, requests: 40, prepare: newSystem, check: debCame},
		}},
		{name: "git", uses: []use{
			{name: "git-basic", kinds: inBasic, requests: 2, check: cloned},
			{name: "git-bearer", kinds: inBearer, requests: 2, check: cloned},
			{name: "git-key", kinds: inKeyHeader, requests: 2, check: cloned},
		}},
		{name: "curl", uses: []use{
			{name: "curl-netrc", kinds: inBasic, requests: 1, check: helloCame},
			{name: "curl-basic", kinds: inBasic, requests: 1, check: helloCame},
			{name: "curl-bearer", kinds: inBearer, requests: 1, check: helloCame},
			{name: "curl-key", kinds: inKeyHeader, requests: 1, check: helloCame},
			{name: "curl-upload", kinds: inBasic, requests: 1, prepare: toUpload, check: reportCame},
		}},
		{name: "wget", uses: []use{
			{name: "wget-basic", kinds: inBasic, requests: 2, check: helloCame},
			{name: "wget-key", kinds: inKeyHeader, requests: 1, check: helloCame},
		}},
	}
}
