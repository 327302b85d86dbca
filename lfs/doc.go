// Package lfs is the built-in Git LFS store behind `upstream: lfs:DIR`: the
// batch API, basic transfer, verify and locks of the Git LFS specification
// (docs/api of git-lfs), and the answer to git-lfs-authenticate.
//
// What it promises. An object is stored only after its bytes were read, and
// their number and SHA-256 found to be what its name says; it is on disk
// before the upload is answered. An upload that fails in any way leaves
// nothing behind. An object of one repository cannot be reached, or be told to
// exist, through another. Permanent refusals are in the batch answer, where
// clients show them, and no upload is ever answered 422, which clients take
// for success. Rights are asked of auth.Allow for every request, before
// anything is read from disk.
//
// How it lies on disk, under the folder of a route (0700, files 0600):
//
//	REPO/objects/aa/bb/OID    the object whose SHA-256 in hex is aabb…
//	REPO/locks/locks.json     all locks of the repository
//	.incoming/                uploads under way; emptied at start
//	.quarantine/              what Fsck took out of the way
//	.lock                     held by the process that uses the folder
//
// What it will not do. Several daemons on one folder (NFS, replicas) are not
// promised; a second process on the same folder is refused. It keeps no
// object twice apart from repositories that share it, removes none, resumes no
// uploads, and speaks only the basic transfer with SHA-256.
package lfs
