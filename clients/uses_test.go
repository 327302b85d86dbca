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
	// says is what a wrong secret makes the client say, as the document tells.
	says string
	// builtin: the daemon does it all, and no repository sees it.
	builtin bool
}

// clients are all of them. What takes long comes first.
func clients() []client {
	lfs := func(job string) []use {
		return []use{
			{name: "lfs-ssh", kinds: []kind{sshKey}, says: "Permission denied (publickey)", builtin: true, prepare: withKey, check: fetched},
			{name: "lfs-store", kinds: inBasic, says: "Git credentials for", requests: 4, builtin: true, prepare: newAssets, check: fetched},
			{name: "lfs-job", kinds: inBasic, says: job, requests: 30, builtin: true, prepare: newAssets, check: fetched},
			{name: "lfs-bearer", kinds: inBearer, says: "the credential is missing or not accepted", requests: 12, builtin: true, prepare: newAssets, check: fetched},
			{name: "lfs-key", kinds: inKeyHeader, says: "the credential is missing or not accepted", requests: 4, builtin: true, prepare: newAssets, check: fetched},
		}
	}
	newest, err := filepath.Abs("../bin/tools")
	if err != nil {
		panic(err) // there is no working folder
	}
	return []client{
		{name: "gradle", uses: []use{
			{name: "gradle-basic", kinds: inBasic, says: "Received status code 401", requests: 4, prepare: newGradleProject, check: jarCame},
		}},
		{name: "mvn", uses: []use{
			{name: "mvn-basic", kinds: inBasic, says: "status: 401 Unauthorized", requests: 2, prepare: newProject, check: artifactWent},
			{name: "mvn-key", kinds: inKeyHeader, says: "status: 403 Forbidden", requests: 2, prepare: newProject, check: artifactWent},
		}},
		{name: "pnpm", uses: []use{
			{name: "pnpm-token", kinds: inBearer, says: "ERR_PNPM_FETCH_401", requests: 6, prepare: newPackage, check: publishedToo},
			{name: "pnpm-basic", kinds: inBasic, says: "ERR_PNPM_FETCH_401", requests: 6, prepare: newPackage, check: publishedToo},
		}},
		{name: "git-lfs", first: "/usr/bin", uses: lfs("refused again and again")},
		{name: "newest git-lfs", first: newest, uses: lfs("too many authentication attempts")},
		{name: "npm", uses: []use{
			{name: "npm-token", kinds: inBearer, says: "code E401", requests: 6, prepare: newPackage, check: publishedToo},
			{name: "npm-basic", kinds: inBasic, says: "code E401", requests: 5, prepare: newPackage, check: publishedToo},
		}},
		{name: "yarn", uses: []use{
			{name: "yarn-token", kinds: inBearer, says: "Couldn't find package", requests: 1, prepare: newPackage, check: packagesCame},
			{name: "yarn-basic", kinds: inBasic, says: "Couldn't find package", requests: 1, prepare: newPackage, check: packagesCame},
		}},
		{name: "pip", uses: []use{
			{name: "pip-url", kinds: inBasic, says: "No matching distribution found", requests: 2, check: wheelCame},
			{name: "pip-netrc", kinds: inBasic, says: "No matching distribution found", requests: 1, check: wheelCame},
		}},
		{name: "twine", uses: []use{
			{name: "twine-basic", kinds: inBasic, says: "401 Unauthorized", requests: 1, prepare: newWheel, check: wheelWent},
		}},
		{name: "cargo", uses: []use{
			{name: "cargo-bearer", kinds: inBearer, says: "token rejected for", requests: 4, prepare: newCrate, check: crateWent},
			{name: "cargo-bare", kinds: inBearer, says: "token rejected for", requests: 4, prepare: newCrate, check: crateWent},
			{name: "cargo-basic", kinds: inBasic, says: "token rejected for", requests: 4, prepare: newCrate, check: crateWent},
		}},
		{name: "docker", start: startRegistry, uses: []use{
			{name: "docker-login", kinds: inBasic, says: "unauthorized: the credential is missing or not accepted", requests: 2},
		}},
		{name: "skopeo", start: startRegistry, uses: []use{
			{name: "skopeo-login", kinds: inBasic, says: "invalid username/password", requests: 2, prepare: newSkopeo, check: imageCame("copied", "1")},
		}},
		{name: "crane", start: startRegistry, uses: []use{
			{name: "crane-login", kinds: inBasic, says: "UNAUTHORIZED: the credential is missing or not accepted", requests: 2, check: imageCame("app", "2")},
		}},
		{name: "helm", start: startRegistry, uses: []use{
			{name: "helm-basic", kinds: inBasic, says: "401 Unauthorized", requests: 1, check: chartCame},
			{name: "helm-oci", kinds: inBasic, says: "unauthorized: the credential is missing or not accepted", requests: 4, prepare: newChart, check: ociChartCame},
		}},
		{name: "go", https: true, uses: []use{
			{name: "go-netrc", kinds: inBasic, says: "401 Unauthorized", requests: 4, prepare: newModule, check: moduleCame},
			{name: "go-bearer", kinds: inBearer, says: "401 Unauthorized", requests: 4, prepare: newModule, check: moduleCame},
		}},
		{name: "apt", uses: []use{
			{name: "apt-basic", kinds: inBasic, says: "401  Unauthorized", requests: 40, prepare: newSystem, check: debCame},
		}},
		{name: "git", uses: []use{
			{name: "git-basic", kinds: inBasic, says: "Authentication failed", requests: 2, check: cloned},
			{name: "git-bearer", kinds: inBearer, says: "could not read Username", requests: 2, check: cloned},
			{name: "git-key", kinds: inKeyHeader, says: "returned error: 403", requests: 2, check: cloned},
		}},
		{name: "curl", uses: []use{
			{name: "curl-netrc", kinds: inBasic, says: "returned error: 401", requests: 1, check: helloCame},
			{name: "curl-basic", kinds: inBasic, says: "returned error: 401", requests: 1, check: helloCame},
			{name: "curl-bearer", kinds: inBearer, says: "returned error: 401", requests: 1, check: helloCame},
			{name: "curl-key", kinds: inKeyHeader, says: "returned error: 403", requests: 1, check: helloCame},
			{name: "curl-upload", kinds: inBasic, says: "returned error: 401", requests: 1, prepare: toUpload, check: reportCame},
		}},
		{name: "wget", uses: []use{
			{name: "wget-basic", kinds: inBasic, says: "Authentication Failed", requests: 2, check: helloCame},
			{name: "wget-key", kinds: inKeyHeader, says: "ERROR 403", requests: 1, check: helloCame},
		}},
	}
}
