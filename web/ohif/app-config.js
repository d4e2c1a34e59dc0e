// The image viewer (OHIF, taken as it is from npm). One DICOMweb source, our own; nothing else is contacted.
// Opened as /viewer/viewer?StudyInstanceUIDs=…&lng=zh from the reading page: our worklist is the study list.

// The viewer's page carries no inline script (content-security policy), so what OHIF expects from it stands here.
window.PUBLIC_URL = '/';
console.time('scriptToView');
window.browserImportFunction = (path) => import(path);

// Reading asks for one mode. The others (tumour volumes, segmentation, small animals, ultrasound of the pleura) would be
// loaded and started with every study, before the first picture.
for (const [list, wanted] of [
  ['modes', ['@ohif/mode-longitudinal']],
  ['extensions', ['@ohif/extension-default', '@ohif/extension-cornerstone']],
]) {
  let all = [];
  Object.defineProperty(window, list, { get: () => all.filter((name) => wanted.includes(name)), set: (names) => { all = names; } });
}

// Earlier examinations are looked for among those of the person whose pictures are open, not by Patient ID: two hospitals
// give one number to two people. The server knows whose a study is.
const opened = (new URLSearchParams(window.location.search).get('StudyInstanceUIDs') || '').split(',')[0];
const searched = opened ? '/dicom-web/person-of/' + encodeURIComponent(opened) : '/dicom-web';

// Chinese unless the person has chosen otherwise in the viewer.
try {
  if (!localStorage.getItem('i18nextLng')) localStorage.setItem('i18nextLng', 'zh');
} catch (e) { /* storage forbidden: ?lng=zh in the address does the same */ }

window.config = {
  name: 'yiti',
  routerBasename: '/viewer',
  extensions: [],
  modes: [],
  customizationService: [
    // No guided tour; no third-party pages from the "about" box.
    { 'ohif.tours': { $set: [] } },
  ],
  whiteLabeling: {
    createLogoComponentFn: (React) => React.createElement('a', { href: '/', className: 'text-white text-lg', title: '一体' }, '一体影像'),
  },
  showStudyList: false,
  // The group decides and documents that this viewer is not a certified diagnostic device (see the manual).
  investigationalUseDialog: { option: 'never' },
  showErrorDetails: 'production',
  showWarningMessageForCrossOrigin: false,
  showCPUFallbackMessage: true,
  showLoadingIndicator: true,
  strictZSpacingForVolumeViewport: true,
  groupEnabledModesFirst: true,
  allowMultiSelectExport: false,
  measurementTrackingMode: 'none',
  // Township workstations: old, often two cores, and browsers that open six connections to one host.
  maxNumberOfWebWorkers: 2,
  maxNumRequests: { interaction: 20, thumbnail: 4, prefetch: 8 },
  genericViewports: { enabled: false },
  defaultDataSourceName: 'yiti',
  dataSources: [
    {
      namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
      sourceName: 'yiti',
      configuration: {
        friendlyName: '一体',
        name: 'yiti',
        qidoRoot: searched,
        wadoRoot: '/dicom-web',
        wadoUriRoot: '/dicom-web',
        qidoSupportsIncludeField: true,
        supportsFuzzyMatching: false,
        supportsWildcard: false,
        supportsReject: false,
        dicomUploadEnabled: false,
        imageRendering: 'wadors',
        thumbnailRendering: 'wadors',
        enableStudyLazyLoad: true,
        singlepart: 'bulkdata,video,pdf',
        bulkDataURI: { enabled: true, relativeResolution: 'studies' },
        omitQuotationForMultipartRequest: true,
      },
    },
  ],
  httpErrorHandler: (error) => {
    // The session ended while images were open: back to sign-in, then here again.
    if (error && error.status === 401) window.location.assign('/sign-in?next=' + encodeURIComponent(window.location.pathname + window.location.search));
  },
};
